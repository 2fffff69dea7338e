"""What people said of one answer alone: good or bad, in whatever spelling, or a number with a bound between the two."""

import re
from collections.abc import Mapping, Sequence

from tasks.data.reading.strict_json import NUMBER_AT_MOST, described
from tasks.data.rows.refusals import RowRefused

GOOD, BAD = "good", "bad"
LONGEST = 40  # characters of a label in words
SIGNS: Mapping[str, str] = {
    **dict.fromkeys(("good", "true", "up", "thumbs up", "thumb up", "thumbsup", "👍"), GOOD),
    **dict.fromkeys(("bad", "false", "down", "thumbs down", "thumb down", "thumbsdown", "👎"), BAD)}
_NOT_SPOKEN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]")  # the colours of a thumb, and how it is drawn
_GAPS = re.compile(r"[\s_-]+")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_WANTED = "wanted good, bad, true, false, thumbs up or thumbs down"


def is_label(value: object) -> bool:
    """True for a label in words, or true or false; a number is none without a bound."""
    return isinstance(value, bool) or (isinstance(value, str) and _sign(value) is not None)


def label_of(value: object, good_from: float | None, name: str = "label") -> str:
    """GOOD or BAD.

    Args:
        good_from: the least number that is good; None where none was set, and then no number is a label.
        name: of the field, for messages.

    Raises:
        RowRefused: it is no label, or a number without a bound.
    """
    if isinstance(value, bool):
        return GOOD if value else BAD
    if isinstance(value, str) and (sign := _sign(value)):
        return sign
    rating = _number(value)
    if rating is None:
        said = "a string that is neither" if isinstance(value, str) else described(value)
        raise RowRefused(f"{name} has the wrong type: {said}, {_WANTED}, or a number beside good_from")
    if good_from is None:
        raise RowRefused(f"{name} is a number and nothing says from which one on it is good; set good_from for the "
                         "file in params.yaml (data.sources[].good_from), or give --good-from")
    return GOOD if rating >= good_from else BAD


def constant_label(good: int, bad: int) -> Sequence[str]:
    """A sentence where all labels of a file are the same one; nothing where both are there, or none is."""
    if bool(good) == bool(bad):
        return []
    said, other = (GOOD, BAD) if good else (BAD, GOOD)
    wanted = f"alone they teach nothing, a reward model needs {other} answers too"
    return [f"a constant label: all {good + bad:,} labels are {said}; {wanted}"]


def _sign(text: str) -> str | None:
    """The label that a text says, however it is spelled; None where it says none."""
    if len(text) > LONGEST:
        return None
    return SIGNS.get(_GAPS.sub(" ", _NOT_SPOKEN.sub("", text).strip(": \t")).strip().casefold())


def _number(value: object) -> float | None:
    """A number, or one in digits as CSV has it; None for anything else."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, int | float) and abs(value) <= NUMBER_AT_MOST:  # this way round: NaN is none
        return float(value)
    return None
