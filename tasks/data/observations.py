"""What was noticed in rows that train all the same: counted, with the first lines, and said as warnings."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tasks.data.printable import line_list
from tasks.data.privacy import personal_data
from tasks.data.schema import META, Row
from tasks.data.wording import has_roles, is_formula, is_odd_id, is_toxic, signs

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
    "toxic": "hold toxic wording in the answer to learn from (safety)",
    "near duplicate": "repeat an earlier row nearly (near duplicate: the same letters and digits)",
    "exact duplicate": "repeat an earlier row exactly (duplicate); left out",
    "contradiction": "contradict an earlier row: the same two answers, the other one chosen",
}


class Observations:
    """Counts by sign. Memory is bounded: of each sign only the first lines are kept."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = {}

    def add(self, sign: str, line: int) -> None:
        """Count one row of a sign; a sign not in SENTENCES is a kind of personal data."""
        self._counts[sign] += 1
        lines = self._lines.setdefault(sign, [])
        if len(lines) < LINES_NAMED:
            lines.append(line)

    def look_at(self, row: Row, line: int, noticed: Iterable[str] = ()) -> None:
        """Notice what the texts of one canonical row show; `noticed` are signs that its reading found."""
        for sign in dict.fromkeys((*noticed, *_signs_of(row))):
            self.add(sign, line)

    def warnings(self) -> list[str]:
        """One sentence a sign, the known ones first."""
        known = [sign for sign in SENTENCES if self._counts[sign]]
        personal = sorted(sign for sign in self._counts if sign not in SENTENCES)
        return [self._sentence(sign, SENTENCES[sign]) for sign in known] + [
            self._sentence(sign, f"hold personal data or a secret: {sign}") for sign in personal]

    def _sentence(self, sign: str, what: str) -> str:
        count = self._counts[sign]
        verb = what if count > 1 else _singular(what)
        return f"{count:,} row{'s' if count > 1 else ''} {verb} ({line_list(self._lines[sign], total=count)})"


def _signs_of(row: Row) -> Iterator[str]:
    texts = [str(text) for name, text in row.items() if name not in META]
    # a number in an id is no telephone; other fields beside the texts may well name a person
    whole = "\n".join([*texts, *(text for name in META if name != "id" and isinstance(text := row.get(name), str))])
    yield from signs(whole)
    yield from personal_data(whole)
    if any(map(is_formula, texts)):
        yield "formula"
    if any(has_roles(str(row[name])) for name in ("chosen", "rejected", "response") if name in row):
        yield "roles"
    if is_toxic(str(row.get("chosen", row.get("response", "")))):
        yield "toxic"
    if is_odd_id(str(row.get("id", ""))):
        yield "odd id"


def _singular(sentence: str) -> str:
    first, rest = sentence.split(" ", 1)
    return f"{ {'are': 'is', 'have': 'has'}.get(first, first + 's') } {rest}"

