"""What stays of a prompt that is too long: its end, from the first turn on that leaves room for all after it."""

import re
import unicodedata
from typing import Any

from tasks.data.rows.transcripts import ROLES

_TURN = re.compile(rf"(?:^|\n\n)((?:{'|'.join(ROLES)}):)")
_JOINER = "\u200d"


def last_part(tokenizer: Any, text: str, room: int) -> list[int]:
    """Return at most `room` tokens of a text that has more.

    Of a transcript (`Human: …`, empty line, `Assistant: …`, as data.rows.transcripts writes it) the oldest turns are
    left out whole. Where the last turn alone is too long, and of any other text, the end stays: behind the turn's role,
    and from a whole character on.
    """
    turns = list(_TURN.finditer(text)) if text.startswith(f"{ROLES[0]}:") else []
    for turn in turns[1:]:
        ids = _ids(tokenizer, text[turn.start(1):])
        if len(ids) <= room:
            return ids
    role = _ids(tokenizer, turns[-1].group(1)) if turns else []
    if len(role) >= room:
        role = []
    return role + _end(tokenizer, text[turns[-1].end():] if turns else text, room - len(role))


def _end(tokenizer: Any, text: str, room: int) -> list[int]:
    """At most `room` tokens of the end, without the rest of a character whose bytes begin before them."""
    ids = _ids(tokenizer, text)
    start = max(0, len(ids) - room)
    if not start or not tokenizer.is_fast:  # only a fast tokenizer says where a token stands in the text
        return ids[start:]
    places = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True,
                       verbose=False)["offset_mapping"]
    whole = [place for place in range(start, len(ids)) if places[place][0] >= places[place - 1][1]]
    alone = [place for place in whole if _stands_alone(text, places[place][0])]
    return ids[next(iter(alone or whole), start):]


def _stands_alone(text: str, place: int) -> bool:
    """Whether the character there is not drawn onto or joined with the one before it."""
    return _JOINER not in text[place - 1:place + 1] and not unicodedata.category(text[place]).startswith("M")


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return ids
