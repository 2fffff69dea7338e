"""Prompts that stand both where a model learns and where it is judged."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from tasks.contracts.data_config import DataConfig
from tasks.data.checks.duplicates import count_prompts, is_in_sorted
from tasks.data.checks.known import Known
from tasks.data.checks.similar import similar_prompts
from tasks.data.checks.spools import side_by_side
from tasks.data.examination import Examination
from tasks.data.reading.printable import line_list

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = get_args(Side)


class Placed(NamedTuple):
    """One examined file and its side."""

    name: str  # for messages
    side: Side
    examination: Examination


class NearLeak(NamedTuple):
    """Two files whose prompts are nearly the same."""

    name: str  # of the file that is judged on
    share: float  # of its prompts
    sentence: str


def leaks_and_warnings(files: Sequence[Placed], config: DataConfig) -> tuple[list[str], list[str]]:
    """Why the files must not train together, and what to look at all the same; one sentence for each two files."""
    near = near_leaks(files, config.near_duplicate_similarity)
    refused = [leak.sentence for leak in near if leak.share > config.near_leak_share_at_most]
    return [*leaks(files), *refused], [leak.sentence for leak in near if leak.sentence not in refused]


def leaks(files: Sequence[Placed]) -> list[str]:
    """One sentence for each two files of different sides that share prompts, of whatever stage they are.

    Prompts are the same as normal_text.same_prompt has it.
    """
    shared = ((training, test, _shared(test.examination.known, training.examination.known))
              for training, test in _pairs(files))
    return [f"leak: {_share(lines, test)} prompts of {test.name} overlap with {training.name} "
            f"({line_list(lines)} of {test.name})" for training, test, lines in shared if lines]


def near_leaks(files: Sequence[Placed], similarity: float) -> list[NearLeak]:
    """Each two files of different sides that have prompts which are nearly the same, as similar.py has it."""
    found = []
    for training, test in _pairs(files):
        rows = similar_prompts(test.examination.known, training.examination.known, similarity)
        if len(rows):
            lines = test.examination.known.lines.rows(rows).tolist()
            found.append(NearLeak(test.name, len(rows) / count_prompts(test.examination.known), (
                f"near leak: {_share(lines, test)} prompts of {test.name} are nearly the same as prompts of "
                f"{training.name} ({line_list(lines)} of {test.name})")))
    return found


def _pairs(files: Sequence[Placed]) -> Iterator[tuple[Placed, Placed]]:
    """Each two files of different sides, the one that is nearer to training first."""
    return ((one, other) for one in files for other in files if SIDES.index(one.side) < SIDES.index(other.side))


def _share(lines: Sequence[int], test: Placed) -> str:
    return f"{len(lines):,} of {count_prompts(test.examination.known):,}"


def _shared(test: Known, training: Known) -> list[int]:
    """Lines of the prompts that both have, sorted."""
    rows = [np.empty(0, np.int64)]
    for ours, theirs in side_by_side(test.keys["prompt"], training.keys["prompt"]):
        ours, theirs = test.first_prompts(ours), training.first_prompts(theirs)
        rows.append(ours["row"][is_in_sorted(ours["key"], theirs["key"])])
    return sorted(test.lines.rows(np.concatenate(rows)).tolist())
