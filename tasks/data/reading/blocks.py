"""A file in blocks of whole rows, each of which can be read without the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tasks.contracts.errors import DataRefused
from tasks.data.reading.formats import JSON_LINES, read_rows, refuse_array, rows_of_lines
from tasks.data.reading.parquet_tables import Table, parquet_tables
from tasks.data.reading.pieces import LINE_BYTES_AT_MOST
from tasks.data.reading.printable import printable_path
from tasks.data.reading.raw_rows import RawRow

BLOCK_BYTES = 2 << 20
BLOCK_ROWS = 2000

Part = TypeVar("Part")


@dataclass(frozen=True)
class Block:
    """Some rows of a file: lines of JSON Lines as they stand there, tables of Parquet, or rows read before."""

    number: int  # from 0
    first_line: int  # of `lines`
    lines: bytes = b""
    rows: tuple[RawRow, ...] = ()
    tables: tuple[Table, ...] = ()

    def read(self) -> Iterator[RawRow]:
        """The rows of the block in order, with their lines in the file. Raises DataRefused as Table.rows does."""
        yield from self.rows
        for table in self.tables:
            yield from table.rows()
        if self.lines:
            yield from rows_of_lines(self.first_line, self.lines)


class Blocks:
    """The blocks of a file, up to its end or to what is wrong with the file as a whole.

    Args:
        rows: what makes rows of the file, where each is not one of its own.

    Attributes:
        refusal: why reading broke off; null where it did not. It is known when the iteration has ended.
    """

    def __init__(self, path: Path, rows: Callable[[Path], Iterator[RawRow]] | None = None) -> None:
        self._path, self._rows = path, rows
        self.refusal: str | None = None

    def __iter__(self) -> Iterator[Block]:
        try:
            yield from self._blocks()
        except DataRefused as refusal:
            self.refusal = refusal.message()
        except OSError as fault:
            self.refusal = f"{printable_path(self._path)}: cannot be read: {fault.strerror or type(fault).__name__}"

    def _blocks(self) -> Iterator[Block]:
        if self._rows:
            yield from row_blocks(self._path, self._rows)
            return
        name = self._path.name.lower()
        pieces = next((pieces for ending, pieces in JSON_LINES.items() if name.endswith(ending)), None)
        if pieces:
            yield from line_blocks(self._path, pieces)
        else:
            yield from table_blocks(self._path) if name.endswith(".parquet") else row_blocks(self._path)


def line_blocks(path: Path, pieces: Callable[[Path], Iterator[bytes]]) -> Iterator[Block]:
    """Cut JSON Lines into blocks of about BLOCK_BYTES, between lines.

    Raises:
        DataRefused: as `pieces` does; a line is longer than LINE_BYTES_AT_MOST; the file is one JSON array. What
            stands before that is yielded first.
    """
    number, line, is_first = 0, 1, True
    for lines in _whole_lines(path, pieces(path)):
        if is_first and lines.strip():
            refuse_array(path, lines.lstrip().partition(b"\n")[0])
            is_first = False
        yield Block(number, line, lines=lines)
        number, line = number + 1, line + lines.count(b"\n") + 1


def _whole_lines(path: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield runs of whole lines without the last line end of each."""
    begun: list[bytes] = []
    size = tail = lines = 0  # bytes begun; of them after the last line end; lines yielded
    fault: DataRefused | None = None
    try:
        for piece in pieces:
            begun.append(piece)
            size += len(piece)
            tail = len(piece) - piece.rfind(b"\n") - 1 if b"\n" in piece else tail + len(piece)
            if size - tail >= BLOCK_BYTES:
                run, _, rest = b"".join(begun).rpartition(b"\n")
                begun, size = [rest], len(rest)
                lines += run.count(b"\n") + 1
                yield run
            if tail > LINE_BYTES_AT_MOST:
                break
    except DataRefused as refusal:
        fault = refusal
    run, end, rest = b"".join(begun).rpartition(b"\n")
    if run or end:
        lines += run.count(b"\n") + 1
        yield run
    if tail > LINE_BYTES_AT_MOST:
        raise DataRefused(
            f"line {lines + 1} is too long", where=printable_path(path),
            wanted=f"at most {LINE_BYTES_AT_MOST:,} bytes", found=f"over {len(rest):,}")
    if fault:
        raise fault
    if rest:
        yield rest


def row_blocks(path: Path, read: Callable[[Path], Iterator[RawRow]] = read_rows) -> Iterator[Block]:
    """Read rows of any format, or those that `read` makes of them, into blocks.

    Raises:
        DataRefused: as formats.read_rows does, after the rows before were yielded.
    """
    for number, rows in enumerate(_runs(read(path), lambda row: (1, _characters(row.value)))):
        yield Block(number, 1, rows=rows)


def table_blocks(path: Path) -> Iterator[Block]:
    """Put tables of Parquet into blocks.

    Raises:
        DataRefused: as parquet_tables.parquet_tables does, after the tables before were yielded.
    """
    for number, tables in enumerate(_runs(parquet_tables(path), lambda table: (table.count, len(table.packed)))):
        yield Block(number, 1, tables=tables)


def _runs(parts: Iterator[Part], size_of: Callable[[Part], tuple[int, int]]) -> Iterator[tuple[Part, ...]]:
    """Yield runs of parts with at most BLOCK_ROWS rows and about BLOCK_BYTES bytes; a refusal comes after the last.

    Args:
        size_of: the rows and the bytes of a part.
    """
    run: list[Part] = []
    rows = size = 0
    fault: DataRefused | None = None
    try:
        for part in parts:
            more_rows, more_bytes = size_of(part)
            if run and (rows + more_rows > BLOCK_ROWS or size + more_bytes > BLOCK_BYTES):
                yield tuple(run)
                run, rows, size = [], 0, 0
            run.append(part)
            rows, size = rows + more_rows, size + more_bytes
    except DataRefused as refusal:
        fault = refusal
    if run:
        yield tuple(run)
    if fault:
        raise fault


def _characters(value: object) -> int:
    """About how long a value is."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list | tuple) else 8
