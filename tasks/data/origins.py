"""Where each checked row came from: its source, its line, and who labelled it. No text of a row.

origins.parquet, in the order of sources and lines:

    id         fixed_size_binary[32]  the row's id
    source     int16                  index into the sources of report.json
    line       int64                  of the file, from 1; for CSV and Parquet the row, header not counted
    annotator  string                 null where the file names none
"""

import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

ORIGINS = "origins.parquet"
BATCH_ROWS = 50_000  # and rows of a row group

_HEAD = struct.Struct(">32sqh")  # id, line, bytes of the annotator's name; -1: none


class Told(NamedTuple):
    """What is known of one row."""

    id: str
    line: int
    annotator: str | None


class OriginSpool:
    """The rows of one source on disk, until it is known which of them stay. Use it in a `with`.

    Args:
        path: a file for the time being; it is removed at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("w+b")

    def __enter__(self) -> "OriginSpool":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()
        self._path.unlink()

    def note(self, row_id: str, line: int, annotator: str | None) -> None:
        """Remember one accepted row."""
        name = b"" if annotator is None else annotator.encode()
        self._file.write(_HEAD.pack(bytes.fromhex(row_id), line, -1 if annotator is None else len(name)) + name)

    def rows(self, without: AbstractSet[int]) -> Iterator[Told]:
        """The rows in their order, but those of some lines."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            row_id, line, size = _HEAD.unpack(head)
            name = _read(self._file, size)
            if line not in without:
                yield Told(row_id.hex(), line, name)


class OriginWriter:
    """Writes origins.parquet a batch at a time. Use it in a `with`; without a row there is an empty table."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema([pa.field("id", pa.binary(32), nullable=False),
                                  pa.field("source", pa.int16(), nullable=False),
                                  pa.field("line", pa.int64(), nullable=False), ("annotator", pa.string())])
        self._file = pq.ParquetWriter(path, self._schema, use_dictionary=["annotator"])
        self._batch: list[tuple[bytes, int, int, str | None]] = []

    def __enter__(self) -> "OriginWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._flush()
        self._file.close()

    def write(self, source: int, rows: Iterator[Told]) -> None:
        """Add the rows of a source."""
        for row in rows:
            self._batch.append((bytes.fromhex(row.id), source, row.line, row.annotator))
            if len(self._batch) >= BATCH_ROWS:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._batch:
            columns = zip(*self._batch, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._batch = []


def _read(file: BinaryIO, size: int) -> str | None:
    return None if size < 0 else file.read(size).decode()
