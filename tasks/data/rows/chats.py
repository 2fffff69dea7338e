"""Chats as lists of messages, in both common spellings: `role` and `content`, or `from` and `value`.

A prompt is all messages before the last answer: the question alone where there was one, else the turns as a transcript
has them. What a system message says stands before the first question, since transcripts know no third role.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.transcripts import ROLES, Turn, has_inline_role, prompt_text

HUMAN, ASSISTANT = ROLES
SYSTEM = "System"
SPELLED = (("role", "content"), ("from", "value"))
_ROLES = {"user": HUMAN, "human": HUMAN, "assistant": ASSISTANT, "gpt": ASSISTANT, "system": SYSTEM}


def is_messages(value: object) -> bool:
    """Whether a value is meant as messages: a list of objects that name a role."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(one, Mapping) and any(role in one for role, _ in SPELLED) for one in value)


def demonstration_of(field: str, messages: object) -> tuple[dict[str, str], bool]:
    """Return {prompt, response} of a chat, and True if a role marker stands inside a message.

    Raises:
        RowRefused: it is no list of messages, does not alternate from a user to an assistant, has an empty message or
            another role, or does not end with an answer; `field` names it in the reason.
    """
    turns = turns_of_messages(field, messages)
    _refuse_without_answer(field, turns)
    return {"prompt": _prompt(turns[:-1]), "response": turns[-1].said}, has_inline_role(turns)


def comparison_of_chats(prompt: object, chosen: object, rejected: object) -> tuple[dict[str, str], bool]:
    """Return {prompt, chosen, rejected} of two chats, and True if a role marker stands inside a message.

    Args:
        prompt: messages before both, the text of the question, or None where the chats begin with it.

    Raises:
        RowRefused: as demonstration_of, or the two do not share all messages before the last answer.
    """
    before: list[object] = list(prompt) if isinstance(prompt, list) else []
    if isinstance(prompt, str) and all(_is_answer_alone(one) for one in (chosen, rejected)):
        before = [{"role": "user", "content": prompt}]
    sides = []
    for field, messages in (("chosen", chosen), ("rejected", rejected)):
        turns = turns_of_messages(field, [*before, *messages] if isinstance(messages, list) else messages)
        _refuse_without_answer(field, turns)
        sides.append(turns)
    left, right = sides
    if left[:-1] != right[:-1]:
        raise RowRefused("the prompt (all messages before the last answer) differs between chosen and rejected")
    return ({"prompt": _prompt(left[:-1]), "chosen": left[-1].said, "rejected": right[-1].said},
            has_inline_role([*left, right[-1]]))


def turns_of_messages(field: str, messages: object) -> list[Turn]:
    """Messages as turns that alternate from Human on; a system message has become part of the first one."""
    if not is_messages(messages):
        raise RowRefused(f"{field} is no list of messages with role and content, or from and value")
    assert isinstance(messages, list)
    turns = [_turn(field, number, one) for number, one in enumerate(messages, 1)]
    if turns[0].role == SYSTEM and len(turns) > 1:
        turns[:2] = [Turn(turns[1].role, f"{turns[0].said}\n\n{turns[1].said}")]
    if turns[0].role != HUMAN:
        raise RowRefused(f"{field}: the chat does not begin with a user's message")
    for number, (one, other) in enumerate(pairwise(turns), 2):
        if other.role == SYSTEM or one.role == other.role:
            raise RowRefused(f"{field}: turn {number} is a second {other.role} turn in a row"
                             if other.role != SYSTEM else f"{field}: a system message is not the first one")
    return turns


def _turn(field: str, number: int, message: Mapping[str, object]) -> Turn:
    role, content = next((role, content) for role, content in SPELLED if role in message)
    named, said = message[role], message.get(content)
    if not isinstance(named, str) or named.lower() not in _ROLES:
        raise RowRefused(f"{field}: message {number} has another role than system, user (human) and assistant (gpt)")
    if not isinstance(said, str):
        raise RowRefused(f"{field}: message {number} has no text under {content}")
    if not said.strip():
        raise RowRefused(f"{field}: message {number} ({named.lower()}) is empty")
    return Turn(_ROLES[named.lower()], said.strip())


def _refuse_without_answer(field: str, turns: Sequence[Turn]) -> None:
    if turns[-1].role != ASSISTANT:
        raise RowRefused(f"{field}: the chat ends with a user's message, there is no answer")


def _is_answer_alone(messages: object) -> bool:
    return is_messages(messages) and isinstance(messages, list) and len(messages) == 1


def _prompt(turns: Sequence[Turn]) -> str:
    return turns[0].said if len(turns) == 1 else prompt_text(turns)
