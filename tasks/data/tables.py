"""Rows of CSV and Parquet."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.errors import DataRefused
from tasks.data.judgements import VOTES
from tasks.data.pieces import LINE_BYTES_AT_MOST, lines, open_regular
from tasks.data.printable import printable_path
from tasks.data.row_meta import META
from tasks.data.rows import RawRow

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256
COLUMNS_AT_MOST = 1000
NUMBERS = (*(name for name, wanted in META.items() if wanted is float), *VOTES, "rating")
ROW_GROUP_BYTES_AT_MOST = 4 << 30


# --- CSV ---


def csv_rows(path: Path, pieces: Iterator[bytes]) -> Iterator[RawRow]:
    """Yield one raw row a record; an empty cell is an empty text.

    Raises:
        DataRefused: no header, a column named twice, broken quotes, or a record that is too long.
    """
    csv.field_size_limit(LINE_BYTES_AT_MOST)
    reader = csv.reader(_text_lines(path, pieces), strict=True)
    number = 0
    try:
        header = _header(path, next(reader, []))
        for cells in reader:
            if not cells:
                continue
            number += 1
            if len(cells) != len(header):
                yield RawRow(number, None, f"has {len(cells)} cells, the header has {len(header)}")
            else:
                yield RawRow(number, _typed(dict(zip(header, cells, strict=True))), "")
    except csv.Error as error:
        raise DataRefused(f"is not CSV: {error}", where=f"{printable_path(path)}, row {number + 1}") from None


def _text_lines(path: Path, pieces: Iterator[bytes]) -> Iterator[str]:
    for number, line in lines(path, pieces):
        try:
            yield line.decode("utf-8") + "\n"
        except UnicodeDecodeError:  # a quoted field may run over it: the rows after it cannot be told apart
            raise DataRefused("is not UTF-8", where=f"{printable_path(path)}, line {number}") from None


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


# --- Parquet ---


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """Yield one raw row a record, in batches of bounded size.

    Raises:
        DataRefused: it is no Parquet, is damaged, or holds values that are too long.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with open_regular(path) as file:
            table = pq.ParquetFile(file, read_dictionary=_text_columns(path, pq.ParquetFile(file)))
            for batch in table.iter_batches(batch_size=BATCH_ROWS):
                for value in _values(path, batch):
                    number += 1
                    yield RawRow(number, value, "")
    except (pa.ArrowException, ValueError, OSError) as fault:  # its text could quote the file
        if isinstance(fault, OSError) and fault.errno is not None:  # the disk's fault, not the file's
            raise
        raise DataRefused("is not Parquet, or is damaged", where=printable_path(path)) from None


def _text_columns(path: Path, file: "pq.ParquetFile") -> list[str]:
    """Paths of all texts: read as dictionaries, a value that is repeated a million times is held once."""
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    if file.metadata.num_columns > COLUMNS_AT_MOST or any(g.total_byte_size > ROW_GROUP_BYTES_AT_MOST for g in groups):
        raise DataRefused("is too large in one piece", where=printable_path(path),
                          wanted=f"at most {COLUMNS_AT_MOST} columns, row groups of {ROW_GROUP_BYTES_AT_MOST:,} bytes")
    leaves = [file.schema.column(index) for index in range(len(file.schema))]
    return [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]


def _values(path: Path, batch: "pa.RecordBatch") -> Iterator[dict[str, object]]:
    longest = max((_longest(column) for column in batch.columns), default=0)
    if longest > LINE_BYTES_AT_MOST:
        raise DataRefused("holds a value that is too long", where=printable_path(path),
                          wanted=f"at most {LINE_BYTES_AT_MOST:,} bytes", found=f"{longest:,}")
    step = max(1, min(BATCH_ROWS, 4 * LINE_BYTES_AT_MOST // max(1, longest)))
    for start in range(0, batch.num_rows, step):
        yield from batch.slice(start, step).to_pylist()


def _longest(column: "pa.Array") -> int:
    """Bytes of the longest text in a column, inner ones included."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _longest(column.dictionary)
    if pa.types.is_struct(kind):
        return max((_longest(field) for field in column.flatten()), default=0)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _longest(column.values if not pa.types.is_map(kind) else column.items)
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return pc.max(pc.binary_length(column)).as_py() or 0
    return 0
