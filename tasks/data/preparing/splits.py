"""Which split a row belongs to: a pure function of its prompt, so that a prompt is never on two sides."""

import hashlib
from collections.abc import Set as AbstractSet
from typing import Literal

from tasks.contracts.canonical import row_id
from tasks.contracts.data_config import DataConfig, Split
from tasks.data.rows.normal_text import key, same_prompt

Part = Literal["train", "validation", "test", "judge"]
PARTS: tuple[Part, ...] = ("train", "validation", "test", "judge")


def part_of(prompt: str, split: Split, config: DataConfig, trained: AbstractSet[int] = frozenset()) -> Part:
    """The part that a row with this prompt goes to.

    Args:
        split: of the row's source; `auto` rows are divided into train, test and judge by the prompt's hash.
        trained: prompt keys of `train` sources; an `auto` row with such a prompt is never held out.

    Case, white space and marks at the ends change nothing (see same_prompt), and neither do the other rows, but for
    `trained`: a prompt stays where it is when the data grow.
    """
    if split == "test":
        return "test"
    if split == "auto" and prompt_key(prompt) not in trained:
        place = fraction(prompt, config.split_salt, "held out")
        if place < config.test_share:
            return "test"
        if place < config.test_share + config.judge_share:
            return "judge"
    return "validation" if fraction(prompt, config.split_salt, "validation") < config.validation_share else "train"


def prompt_key(prompt: str) -> int:
    """What a prompt is known by across splits."""
    return key(same_prompt(prompt))


def prompt_id(prompt: str) -> str:
    """The id of a prompt in manifests: the row id of a row that holds it alone, as `same_prompt` has it."""
    return row_id({"prompt": same_prompt(prompt)})


def fraction(prompt: str, salt: str, use: str) -> float:
    """A number in [0, 1), even over prompts: the first 53 bits of sha256 of salt, use and the prompt."""
    digest = hashlib.sha256("\0".join((salt, use, same_prompt(prompt))).encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
