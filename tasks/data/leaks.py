"""Prompts that stand both where a model learns and where it is judged."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.data.examination import Examination
from tasks.data.printable import line_list


class Placed(NamedTuple):
    """One examined file and its side."""

    name: str  # for messages
    held_out: bool
    examination: Examination


def leaks(files: Sequence[Placed]) -> list[str]:
    """One sentence for each pair of a training file and a held-out file that share prompts, of whatever stage.

    Prompts are the same if they are so but for case, white space and Unicode form.
    """
    return [sentence for training in files if not training.held_out
            for test in files if test.held_out
            for sentence in _leak(training, test)]


def _leak(training: Placed, test: Placed) -> list[str]:
    shared = test.examination.prompts.keys() & training.examination.prompts.keys()
    if not shared:
        return []
    found = sorted(test.examination.prompts[prompt] for prompt in shared)
    share = f"{len(shared):,} of {len(test.examination.prompts):,}"
    return [f"leak: {share} prompts of {test.name} overlap with {training.name} ({line_list(found)} of {test.name})"]
