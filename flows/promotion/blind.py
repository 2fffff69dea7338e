"""A sheet for a blind comparison: prompts with two answers each, in an order that the sheet does not tell.

Pure: answers in, a sheet and its key out; a filled sheet and the key in, points out. The key names each row by the
digest of what it shows, so it holds no text.
"""

import csv
import io
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.promotion.succession import Entry
from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import Refused

COLUMNS = ("prompt", "answer A", "answer B", "better")
POINTS = {"a": {"A": 1.0, "B": 0.0}, "b": {"A": 0.0, "B": 1.0}, "same": {"A": 0.5, "B": 0.5}}
EXPORTED, COMPARED = "comparison exported", "compared by a person"  # kinds of the ledger
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so


@dataclass(frozen=True)
class Pair:
    """Two answers to a prompt."""

    prompt: str
    ours: str  # the version's
    theirs: str  # what it is compared with


@dataclass(frozen=True)
class Judged:
    """What a person said of one prompt: 1 for the version, 0 against it, 0.5 for neither."""

    prompt: str
    points: float


def make_sheet(pairs: Sequence[Pair], seed: int) -> tuple[str, dict[str, str]]:
    """Return the sheet as CSV, and its key: digest of a row -> the column, A or B, that the version's answer is in.

    A row that shows what another one shows is left out.
    """
    drawn = random.Random(seed)
    text, key = io.StringIO(), dict[str, str]()
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for pair in pairs:
        column = drawn.choice("AB")
        answers = (pair.ours, pair.theirs) if column == "A" else (pair.theirs, pair.ours)
        cells = [shown(cell) for cell in (pair.prompt, *answers)]
        if row_digest(cells) not in key:
            sheet.writerow([*cells, ""])
            key[row_digest(cells)] = column
    return text.getvalue(), key


def shown(text: str) -> str:
    """A text as a cell: its lines end in one way, and a spreadsheet takes it for text."""
    plain = "\n".join(text.splitlines())
    return f"'{plain}" if plain.startswith(FORMULA) else plain


def row_digest(cells: Sequence[str]) -> str:
    """What names a row: the sha256 of its prompt and answers, whatever a program did to line ends."""
    return sha256_hex(canonical_json(["\n".join(cell.splitlines()) for cell in cells]))


def read_sheet(text: str, where: str) -> list[dict[str, str]]:
    """The rows of a filled sheet. Raises Refused where it is no such sheet."""
    sheet = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if not set(COLUMNS) <= set(sheet.fieldnames or ()):
        raise Refused("is no sheet of a comparison", where=where, wanted=f"CSV with the columns {', '.join(COLUMNS)}",
                      found=", ".join(map(str, sheet.fieldnames or ())) or "nothing")
    return [{name: row[name] or "" for name in COLUMNS} for row in sheet]


def judged(rows: Sequence[Mapping[str, str]], key: Mapping[str, str], where: str) -> list[Judged]:
    """What was said of each row that is filled in.

    Raises:
        Refused: a row was changed, added, left out or is there twice, or `better` says something else than A, B, same.
    """
    digests = [row_digest([row[name] for name in COLUMNS[:3]]) for row in rows]
    for number, digest in enumerate(digests, 2):
        if digest not in key or digests.index(digest) != number - 2:
            raise Refused("is not a row that was exported", where=f"{where}, row {number}",
                          found="changed or there twice", next_step="Fill in the column `better` alone.")
    if len(digests) < len(key):
        raise Refused("rows are missing", where=where, wanted=f"{len(key)}", found=f"{len(digests)}",
                      next_step="Leave `better` empty where nobody can say.")
    return [Judged(row["prompt"], _points(row["better"], key[digest], f"{where}, row {number}"))
            for number, (row, digest) in enumerate(zip(rows, digests, strict=True), 2) if row["better"].strip()]


def _points(said: str, column: str, where: str) -> float:
    try:
        return POINTS[said.strip().casefold()][column]
    except KeyError:
        raise Refused("is no answer", where=where, wanted="A, B, same or nothing in `better`",
                      found=repr(said[:40])) from None


def results(entries: Iterable[Entry], name: str, digest: str) -> list[dict[str, Any]]:
    """What people said of a version's bytes in blind comparisons, oldest first."""
    return [dict(entry.payload) for entry in entries if entry.kind == COMPARED
            and (entry.payload["name"], entry.payload["digest"]) == (name, digest)]
