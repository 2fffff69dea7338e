"""What is noticed in rows that train all the same: a bit for each sign, and sentences that say which rows show it."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tasks.data.checks.degenerate import is_degenerate
from tasks.data.checks.privacy import PERSONAL
from tasks.data.checks.scripts import share_script
from tasks.data.checks.wording import has_roles, is_formula, is_odd_id, is_toxic, names_its_label, signs
from tasks.data.reading.printable import line_list
from tasks.data.rows.schema import META, Row

LINES_NAMED = 20

SENTENCES = {
    "control": "hold control characters",
    "hidden": "hold invisible or bidi override characters",
    "replacement": "hold U+FFFD, the replacement character of a failed decoding",
    "mojibake": "hold mojibake: UTF-8 that was read as Windows-1252",
    "chat tokens": "hold control tokens of chat templates; they are read as plain text here",
    "placeholder": "hold a placeholder that was never filled in",
    "roles": "have a role marker such as Human: or Assistant: inside a turn",
    "history": "bring earlier turns in `history`; they are part of the prompt now",
    "formula": "have a text that a spreadsheet would run as a formula",
    "odd id": "have an id with other characters than letters, digits and . _ : / -",
    "other script": "have an answer in another script than the prompt is in (language mix)",
    "toxic": "hold toxic wording in the answer to learn from (safety)",
    "same texts": "repeat the texts of an earlier row under another id (duplicate)",
    "near duplicate": "repeat an earlier row nearly (near duplicate: the same letters and digits)",
    "degenerate": "have an answer to learn from that repeats itself over and over (degenerate text)",
    "label marker": "have an answer that names its own label or score (label marker)",
    "masked": "had personal data or a secret, which was masked",
    "similar": "repeat an earlier row nearly (near duplicate: nearly the same words)",
    "exact duplicate": "repeat an earlier row exactly (duplicate); left out",
    "contradiction": "contradict an earlier row: the same two answers, the other one chosen",
    "other label": "contradict an earlier row: the same answer to the same prompt, labelled otherwise",
}
_BITS = {sign: 1 << place for place, sign in enumerate((*SENTENCES, *PERSONAL))}
LONGER, SHORTER = 1 << 62, 1 << 61  # of the two answers the chosen one is longer, shorter
LABELLED_GOOD, LABELLED_BAD = 1 << 60, 1 << 59


class Observations:
    """Counts by sign. Memory is bounded: of each sign only the first lines are kept."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}

    def add(self, sign: str, lines: np.ndarray) -> None:
        """Count rows of a sign, in any order; a sign not in SENTENCES is a kind of personal data."""
        if len(lines):
            self._counts[sign] = self._counts.get(sign, 0) + len(lines)
            least = np.partition(lines, LINES_NAMED)[:LINES_NAMED] if len(lines) > LINES_NAMED else lines
            self._lines[sign] = sorted((*self._lines.get(sign, ()), *least.tolist()))[:LINES_NAMED]

    def add_bits(self, bits: np.ndarray, lines: np.ndarray) -> None:
        """Count what rows show: their bits, uint64 [rows], and lines."""
        shown = int(np.bitwise_or.reduce(bits)) if len(bits) else 0
        for sign, bit in _BITS.items():
            if shown & bit:
                self.add(sign, lines[(bits & np.uint64(bit)) != 0])

    def warnings(self) -> list[str]:
        """One sentence a sign, the known ones first."""
        known = [sign for sign in SENTENCES if sign in self._counts]
        personal = sorted(sign for sign in self._counts if sign not in SENTENCES)
        return [self._sentence(sign, SENTENCES[sign]) for sign in known] + [
            self._sentence(sign, f"hold personal data or a secret: {sign}") for sign in personal]

    def _sentence(self, sign: str, what: str) -> str:
        count = self._counts[sign]
        verb = what if count > 1 else _singular(what)
        return f"{count:,} row{'s' if count > 1 else ''} {verb} ({line_list(self._lines[sign], total=count)})"


def bits_of(found: Iterable[str]) -> int:
    """The bits of some signs."""
    bits = 0
    for sign in found:
        bits |= _BITS[sign]
    return bits


def signs_of(row: Row, texts: Sequence[str]) -> Iterator[str]:
    """What the texts of one canonical row show: names of SENTENCES; personal data are found by policies.py."""
    whole = "\n".join([*texts, *(text for name in META if name != "id" and isinstance(text := row.get(name), str))])
    yield from signs(whole)
    if any(map(is_formula, texts)):
        yield "formula"
    if any(has_roles(str(row[name])) for name in ("chosen", "rejected", "response") if name in row):
        yield "roles"
    if "prompt" in row and not whole.isascii() and not share_script(
            str(row["prompt"]), str(row.get("chosen", row.get("response", "")))):
        yield "other script"
    if is_toxic(str(row.get("chosen", row.get("response", "")))):
        yield "toxic"
    if "id" in row and is_odd_id(str(row["id"])):
        yield "odd id"
    answers = [str(row[name]) for name in ("chosen", "rejected", "response") if name in row]
    if any(map(names_its_label, answers)):
        yield "label marker"
    if any(is_degenerate(str(row[name])) for name in ("chosen", "response", "text") if name in row):
        yield "degenerate"


def _singular(sentence: str) -> str:
    first, rest = sentence.split(" ", 1)
    return f"{ {'are': 'is', 'have': 'has'}.get(first, first + 's') } {rest}"
