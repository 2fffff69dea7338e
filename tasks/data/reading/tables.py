"""Rows of CSV."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tasks.contracts.errors import DataRefused
from tasks.data.reading.pieces import LINE_BYTES_AT_MOST, lines
from tasks.data.reading.printable import printable_path
from tasks.data.reading.raw_rows import RawRow
from tasks.data.rows.judgements import VOTES
from tasks.data.rows.row_meta import META

NUMBERS = (*(name for name, wanted in META.items() if wanted is float), *VOTES, "rating")


def csv_rows(path: Path, pieces: Iterator[bytes]) -> Iterator[RawRow]:
    """Yield one raw row a record; an empty cell is an empty text.

    Raises:
        DataRefused: no header, a column named twice, broken quotes, or a record that is too long.
    """
    csv.field_size_limit(LINE_BYTES_AT_MOST)
    text = _TextLines(path, pieces)
    reader = csv.reader(text, strict=True)
    number = 0
    try:
        header = _header(path, next(reader, []))
        for cells in reader:
            text.record_bytes = 0
            if not cells:
                continue
            number += 1
            if len(cells) != len(header):
                yield RawRow(number, None, f"has {len(cells)} cells, the header has {len(header)}")
            else:
                yield RawRow(number, _typed(dict(zip(header, cells, strict=True))), "")
    except csv.Error as error:
        raise DataRefused(f"is not CSV: {error}", where=f"{printable_path(path)}, row {number + 1}") from None


class _TextLines:
    """The lines of a file as text, and the bytes that the record at hand has so far.

    A quoted cell may run over lines, so one record could be a whole file.
    """

    def __init__(self, path: Path, pieces: Iterator[bytes]) -> None:
        self._path, self._lines, self.record_bytes = path, lines(path, pieces), 0

    def __iter__(self) -> "_TextLines":
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        self.record_bytes += len(line) + 1
        if self.record_bytes > LINE_BYTES_AT_MOST:
            raise DataRefused("a record is too long: a quote may not be closed", where=self._where(number),
                              wanted=f"at most {LINE_BYTES_AT_MOST:,} bytes")
        try:
            return line.decode("utf-8") + "\n"
        except UnicodeDecodeError:  # a quoted field may run over it: the rows after it cannot be told apart
            raise DataRefused("is not UTF-8", where=self._where(number)) from None

    def _where(self, number: int) -> str:
        return f"{printable_path(self._path)}, line {number}"


def _header(path: Path, names: Sequence[str]) -> Sequence[str]:
    if not any(names):
        raise DataRefused("is empty: no header and no rows", where=printable_path(path))
    if names[0].lstrip().startswith(("{", "[")):
        raise DataRefused("is JSON and no CSV", where=printable_path(path), wanted="a header of column names")
    if len(set(names)) != len(names):
        raise DataRefused("names a column twice", where=printable_path(path))
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise DataRefused("is not comma-separated", where=printable_path(path),
                          wanted="a header such as prompt,chosen,rejected", found="another separator")
    return names


def _typed(row: dict[str, str]) -> dict[str, object]:
    """CSV knows no types: an empty cell beside the texts is none, and what should be a number is read as one."""
    typed: dict[str, object] = {name: cell for name, cell in row.items() if cell or name not in META}
    for name in NUMBERS:
        if row.get(name):
            with suppress(ValueError):  # what is no number stays text, and is refused as such
                typed[name] = float(row[name])
    return typed
