"""Where each checked row came from: its source, its line, and who labelled it. No text of a row.

origins.parquet, in the order of sources and lines:

    id         fixed_size_binary[32]  the row's id
    source     int16                  index into the sources of report.json
    line       int64                  of the file, from 1; for CSV and Parquet the row, header not counted
    annotator  string                 null where the file names none
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

ORIGINS = "origins.parquet"


class OriginWriter:
    """Writes origins.parquet some rows at a time. Use it in a `with`; without a row there is an empty table."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema([pa.field("id", pa.binary(32), nullable=False),
                                  pa.field("source", pa.int16(), nullable=False),
                                  pa.field("line", pa.int64(), nullable=False), ("annotator", pa.string())])
        self._file = pq.ParquetWriter(path, self._schema, use_dictionary=["annotator"])
    def __enter__(self) -> "OriginWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, source: int, ids: np.ndarray, lines: np.ndarray, annotators: Sequence[str | None]) -> None:
        """Add some rows of a source, a row group: ids uint8 [rows, 32], lines int64 [rows], and who labelled each."""
        import pyarrow as pa

        fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(ids), [None, pa.py_buffer(ids.tobytes())])
        numbers = np.full(len(ids), source, np.int16)
        arrays = [fixed, pa.array(numbers), pa.array(lines), pa.array(annotators, pa.string())]
        self._file.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
