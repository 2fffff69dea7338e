"""Prompts that stand both where a model learns and where it is judged."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from tasks.data.examination import Examination
from tasks.data.printable import line_list

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = get_args(Side)


class Placed(NamedTuple):
    """One examined file and its side."""

    name: str  # for messages
    side: Side
    examination: Examination


def leaks(files: Sequence[Placed]) -> list[str]:
    """One sentence for each two files of different sides that share prompts, of whatever stage they are.

    Prompts are the same as normal_text.same_prompt has it.
    """
    return [sentence for one in files for other in files
            if SIDES.index(one.side) < SIDES.index(other.side) for sentence in _leak(one, other)]


def _leak(training: Placed, test: Placed) -> list[str]:
    shared = test.examination.prompts.keys() & training.examination.prompts.keys()
    if not shared:
        return []
    found = sorted(test.examination.prompts[prompt] for prompt in shared)
    share = f"{len(shared):,} of {len(test.examination.prompts):,}"
    return [f"leak: {share} prompts of {test.name} overlap with {training.name} ({line_list(found)} of {test.name})"]
