"""Rows of Parquet: read as tables of bounded size, which become rows wherever they are looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.errors import DataRefused
from tasks.data.reading.pieces import LINE_BYTES_AT_MOST, open_regular
from tasks.data.reading.printable import printable_path
from tasks.data.reading.raw_rows import RawRow

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256
BATCHES_AT_MOST = 64  # of a row group that has more than so many batches of BATCH_ROWS rows
COLUMNS_AT_MOST = 1000
ROW_GROUP_BYTES_AT_MOST = 4 << 30
LISTED_AT_MOST = 1 << 26  # values in the lists of a row group: a billion nulls take no bytes in a file


@dataclass(frozen=True)
class Table:
    """Some rows of a file in a form that another process can be given: an Arrow stream of one record batch."""

    path: Path
    first: int  # number of the first row, from 1
    count: int  # of rows
    packed: bytes

    def rows(self) -> Iterator[RawRow]:
        """The rows. Raises DataRefused where they cannot be read: a text is no UTF-8, a date is none."""
        import pyarrow as pa

        try:
            values = pa.ipc.open_stream(self.packed).read_next_batch().to_pylist()
        except (pa.ArrowException, ValueError, OverflowError):  # its text could quote the file
            raise _damaged(self.path) from None
        for number, value in enumerate(values, self.first):
            yield RawRow(number, value, "")


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """Yield one raw row a record. Raises DataRefused as parquet_tables does, and Table.rows."""
    for table in parquet_tables(path):
        yield from table.rows()


def parquet_tables(path: Path) -> Iterator[Table]:
    """Yield a file's rows in tables of at most BATCH_ROWS rows and about 4 * LINE_BYTES_AT_MOST bytes.

    Raises:
        DataRefused: it is no Parquet, is damaged, or holds values that are too long.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 1
    try:
        with open_regular(path) as file:
            table = pq.ParquetFile(file, read_dictionary=_text_columns(path, pq.ParquetFile(file)))
            for batch in _batches(table):
                longest = _refuse_long(path, batch)
                step = max(1, min(BATCH_ROWS, 4 * LINE_BYTES_AT_MOST // max(1, longest)))
                for start in range(0, batch.num_rows, step):
                    some = batch.slice(start, step)
                    yield Table(path, first, some.num_rows, _packed(some))
                    first += some.num_rows
    except (pa.ArrowException, ValueError, OSError) as fault:  # its text could quote the file
        if isinstance(fault, OSError) and fault.errno is not None:  # the disk's fault, not the file's
            raise
        raise _damaged(path) from None


def _batches(table: "pq.ParquetFile") -> Iterator["pa.RecordBatch"]:
    """All rows, a row group after the other: pyarrow cannot put lists of two groups into one batch.

    Each batch of a group brings the group's whole dictionary, so a large group has BATCHES_AT_MOST of them only.
    """
    for group in range(table.metadata.num_row_groups):
        rows = table.metadata.row_group(group).num_rows
        yield from table.iter_batches(max(BATCH_ROWS, rows // BATCHES_AT_MOST), row_groups=[group])


def _damaged(path: Path) -> DataRefused:
    return DataRefused("is not Parquet, or is damaged", where=printable_path(path))


def _packed(batch: "pa.RecordBatch") -> bytes:
    import pyarrow as pa

    columns = [_used(column) for column in batch.columns]
    if any(pa.types.is_map(column.type) and column.nbytes > 4 * LINE_BYTES_AT_MOST for column in columns):
        raise pa.ArrowCapacityError("the texts of maps are too many")
    sink = pa.BufferOutputStream()
    some = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    with pa.ipc.new_stream(sink, some.schema) as stream:
        stream.write_batch(some)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _used(column: "pa.Array") -> "pa.Array":
    """The column without the texts of its dictionary that none of its rows has, inner ones included."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        used = pc.unique(column.indices).drop_null()
        return pa.DictionaryArray.from_arrays(
            pc.index_in(column.indices, value_set=used), column.dictionary.take(used))
    if pa.types.is_struct(kind) and kind.num_fields:
        fields = [_used(column.field(index)) for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, names=[field.name for field in kind], mask=column.is_null())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        offsets = column.offsets
        inner = column.values.slice(offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py())
        made = pa.ListArray if pa.types.is_list(kind) else pa.LargeListArray
        return made.from_arrays(pc.subtract(offsets, offsets[0]), _used(inner), mask=column.is_null())
    return column


def _text_columns(path: Path, file: "pq.ParquetFile") -> list[str]:
    """Paths of all texts: read as dictionaries, a value that is repeated a million times is held once."""
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    if file.metadata.num_columns > COLUMNS_AT_MOST or any(g.total_byte_size > ROW_GROUP_BYTES_AT_MOST for g in groups):
        raise DataRefused("is too large in one piece", where=printable_path(path),
                          wanted=f"at most {COLUMNS_AT_MOST} columns, row groups of {ROW_GROUP_BYTES_AT_MOST:,} bytes")
    leaves = [file.schema.column(index) for index in range(len(file.schema))]
    listed = [index for index, leaf in enumerate(leaves) if leaf.max_repetition_level]
    if any(group.column(index).num_values > LISTED_AT_MOST for group in groups for index in listed):
        raise DataRefused("is too large in one piece", where=printable_path(path),
                          wanted=f"at most {LISTED_AT_MOST:,} values in the lists of a row group")
    return [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]


def _refuse_long(path: Path, batch: "pa.RecordBatch") -> int:
    """Bytes of the longest value. Raises DataRefused where it is too long."""
    longest = max((_longest(column) for column in batch.columns), default=0)
    if longest > LINE_BYTES_AT_MOST:
        raise DataRefused("holds a value that is too long", where=printable_path(path),
                          wanted=f"at most {LINE_BYTES_AT_MOST:,} bytes", found=f"{longest:,}")
    return longest


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
