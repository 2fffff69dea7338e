"""A data file without some of its lines: every other line keeps its bytes, the file its format and compression."""

import csv
import gzip
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from tasks.data.reading.pieces import LINE_BYTES_AT_MOST, gzip_pieces, plain_pieces
from tasks.data.reading.zstd_pieces import zstd_pieces

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def write_without(path: Path, lines: Collection[int], draft: Path) -> None:
    """Write a copy of a data file without these lines, counted as tasks.data.reading.formats counts them.

    Raises:
        DataRefused: the file cannot be read as what its name says.
    """
    name = path.name.lower()
    if name.endswith(".parquet"):
        write_parquet_without(path, frozenset(lines), draft)
        return
    inner, pieces = unpacked(path)
    records = csv_records(pieces) if inner.endswith(".csv") else enumerate(whole_lines(pieces), 1)
    with draft.open("wb") as file:
        with packed(name, file) as sink:
            for number, content in records:
                if number not in lines:
                    sink.write(content)
        file.flush()
        os.fsync(file.fileno())


def unpacked(path: Path) -> tuple[str, Iterator[bytes]]:
    """The name without what says how it is packed, and the bytes inside."""
    name = path.name.lower()
    if name.endswith(".gz"):
        return name.removesuffix(".gz"), gzip_pieces(path)
    if name.endswith(".zst"):
        return name.removesuffix(".zst"), zstd_pieces(path)
    return name, plain_pieces(path)


@contextmanager
def packed(name: str, file: BinaryIO) -> "Iterator[IO[bytes]]":
    """A sink that packs as the name says, the same content into the same bytes."""
    if name.endswith(".gz"):
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as sink:
            yield sink  # type: ignore[misc]  # it writes as a file does
    elif name.endswith(".zst"):
        import zstandard

        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as writer:
            yield writer
    else:
        yield file


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with what ends them; the last one may have no end."""
    begun = b""
    for piece in pieces:
        *whole, begun = (begun + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if begun:
        yield begun


def csv_records(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each record, which may run over several lines; the header and empty lines have number 0."""
    taken: list[bytes] = []

    def heard() -> Iterator[str]:
        for line in whole_lines(pieces):
            taken.append(line)
            yield line.decode("utf-8")

    csv.field_size_limit(LINE_BYTES_AT_MOST)
    number = -1  # of the header
    for cells in csv.reader(heard(), strict=True):
        number += 1 if cells or number < 0 else 0
        yield (max(0, number) if cells else 0), b"".join(taken)
        taken.clear()


def write_parquet_without(path: Path, rows: Collection[int], draft: Path) -> None:
    """Write a Parquet file without some rows, counted from 1: same schema, row groups and compression."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source, first = pq.ParquetFile(path), 1
    with pq.ParquetWriter(draft, source.schema_arrow, compression=_compression(source)) as sink:
        for number in range(source.num_row_groups):
            group = source.read_row_group(number)
            kept = pa.array([row not in rows for row in range(first, first + group.num_rows)], pa.bool_())
            first += group.num_rows
            sink.write_table(group.filter(kept))
    source.close()


def _compression(source: "pq.ParquetFile") -> Any:
    if not source.num_row_groups:
        return "snappy"
    group = source.metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    return {one.path_in_schema: {"UNCOMPRESSED": "none"}.get(one.compression, one.compression.lower())
            for one in columns}
