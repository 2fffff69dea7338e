"""Transcripts of HH-RLHF: two texts of turns, equal up to the last answer.

Bai et al. 2022, arXiv:2204.05862; a text is `\\n\\nHuman: … \\n\\nAssistant: … \\n\\nHuman: … \\n\\nAssistant: …`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tasks.data.rows.refusals import RowRefused

ROLES = ("Human", "Assistant")

_TURN = re.compile(r"\n\n(Human|Assistant):")
_FOREIGN = re.compile(r"\n\n(?!(?:Human|Assistant):)(?i:human|assistant|user|system|bot|ai|gpt)[ \t]*:")
_ANSWER = "\n\nAssistant:"
_INLINE = re.compile(r"\b(?:Human|Assistant) ?:")


class Turn(NamedTuple):
    role: str
    said: str  # without white space around it


def comparison_of(chosen: str, rejected: str) -> tuple[dict[str, str], bool]:
    """Return {prompt, chosen, rejected} of two transcripts, and True if a role marker stands inside a turn.

    The prompt is all turns before the last answer, with their roles. Both sides must share it.

    Raises:
        RowRefused: a side does not alternate from a Human turn to an Assistant turn, has an empty turn or
            another role, or the two prompts differ.
    """
    left, right = _sides(chosen, rejected)
    if left[:-1] != right[:-1]:
        same = " and the answers are identical" if left[-1] == right[-1] else ""
        raise RowRefused(f"the prompt (all turns before the last answer) differs between chosen and rejected{same}")
    texts = {"prompt": prompt_text(left[:-1]), "chosen": left[-1].said, "rejected": right[-1].said}
    return texts, has_inline_role([*left, right[-1]])


def _sides(chosen: str, rejected: str) -> tuple[list[Turn], list[Turn]]:
    """The turns of both. Raises RowRefused with the first fault, and whether the prompts differ as well."""
    try:
        return turns_of("chosen", chosen), turns_of("rejected", rejected)
    except RowRefused as refusal:
        prompts = {text.rpartition(_ANSWER)[0].strip() for text in (chosen, rejected) if _ANSWER in text}
        if len(prompts) < 2:
            raise
        raise RowRefused(f"{refusal}; the prompt differs between chosen and rejected, too") from refusal


def has_inline_role(turns: Sequence[Turn]) -> bool:
    """Whether a role marker stands inside a turn: somebody may have forged one."""
    return any(_INLINE.search(turn.said) for turn in turns)


def turns_of(side: str, text: str) -> list[Turn]:
    """Split one transcript into turns. Raises RowRefused as comparison_of does; `side` names it in the reason."""
    if _FOREIGN.search("\n\n" + text.lstrip()):
        raise RowRefused(f"{side}: a turn has another role than Human and Assistant")
    before, *parts = _TURN.split("\n\n" + text.lstrip())
    if not parts:
        raise RowRefused(f"{side}: no transcript, it has no Human: and Assistant: turns")
    if before.strip() or parts[0] != "Human":
        raise RowRefused(f"{side}: the transcript does not begin with a Human turn")
    turns = [Turn(role, said.strip()) for role, said in zip(parts[::2], parts[1::2], strict=True)]
    _refuse_disorder(side, turns)
    return turns


def _refuse_disorder(side: str, turns: Sequence[Turn]) -> None:
    for number, turn in enumerate(turns, 1):
        if turn.role != ROLES[(number - 1) % 2]:
            raise RowRefused(f"{side}: turn {number} is a second {turn.role} turn in a row")
        if not turn.said:
            raise RowRefused(f"{side}: turn {number} ({turn.role}) is empty")
    if turns[-1].role != "Assistant":
        raise RowRefused(f"{side}: the transcript ends with a Human turn, there is no answer")


def prompt_text(turns: Sequence[Turn]) -> str:
    """Turns as plain text: `Human: …`, an empty line, `Assistant: …`, and so on."""
    return "\n\n".join(f"{turn.role}: {turn.said}" for turn in turns)


def with_history(history: Sequence[object], prompt: str) -> str:
    """Put earlier turns, a list of [question, answer] pairs, before the prompt. Raises RowRefused where it is none."""
    turns = [turn for pair in history for turn in _turns_of_pair(pair)]
    return prompt_text([*turns, Turn("Human", prompt)]) if turns else prompt


def _turns_of_pair(pair: object) -> list[Turn]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
        raise RowRefused("history is no list of [question, answer] pairs of strings")
    if not all(text.strip() for text in pair):
        raise RowRefused("history holds an empty turn")
    return [Turn(role, text.strip()) for role, text in zip(ROLES, pair, strict=True)]
