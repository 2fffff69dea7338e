"""Unicode's composed forms in time that grows with the text alone.

The library sorts the marks that follow a letter by insertion: of a hundred thousand marks in turns that takes half a
minute. Here long runs of marks are sorted first, as the standard has it (UAX #15, canonical ordering; ties keep their
order), and what is sorted is taken as it stands.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

SHORT = 256  # characters that cost too little to be looked at
MARKS_AT_MOST = 32  # in a row; letters of people have up to a dozen
LAST_MARK = 0x1EFFF  # no character above it is a mark that is sorted

Form = Literal["NFD", "NFKD"]


def nfc(text: str) -> str:
    """The text with letters and marks composed: Unicode's form C."""
    return unicodedata.normalize("NFC", text if len(text) <= SHORT or text.isascii() else _sorted(text, "NFD"))


def nfkc(text: str) -> str:
    """The same, with compatibility characters replaced by what they stand for: Unicode's form KC."""
    return unicodedata.normalize("NFKC", text if len(text) <= SHORT or text.isascii() else _sorted(text, "NFKD"))


def _sorted(text: str, form: Form) -> str:
    """The text with the marks of long runs sorted. A long run has a mark at one of the places that are looked at."""
    marks = _marks(form)
    if marks.isdisjoint(text[::MARKS_AT_MOST]):
        return text
    parts, done = [], 0
    for place in range(0, len(text), MARKS_AT_MOST):
        if place < done or text[place] not in marks:
            continue
        start = end = place
        while start > done and text[start - 1] in marks:
            start -= 1
        while end < len(text) and text[end] in marks:
            end += 1
        parts += [text[done:start], *_in_order(text[start:end], form)]
        done = end
    return "".join([*parts, text[done:]])


def _in_order(run: str, form: Form) -> Iterator[str]:
    """Marks taken apart and in canonical order; a character that is none, and comes of one, parts them."""
    marks: list[str] = []
    for sign in "".join(unicodedata.normalize(form, one) for one in run):
        if unicodedata.combining(sign):
            marks.append(sign)
        else:
            yield from sorted(marks, key=unicodedata.combining)
            yield sign
            marks = []
    yield from sorted(marks, key=unicodedata.combining)


@lru_cache(maxsize=2)
def _marks(form: Form) -> frozenset[str]:
    """All characters that are marks in a form, or begin with one there."""
    signs = map(chr, range(0x300, LAST_MARK + 1))
    return frozenset(sign for sign in signs if unicodedata.combining(unicodedata.normalize(form, sign)[0]))
