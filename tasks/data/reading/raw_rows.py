"""A row on its way in: raw, as the file has it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class RawRow(NamedTuple):
    """One row as the file has it, or why it cannot be read."""

    line: int  # from 1; for CSV and Parquet the row, header not counted
    value: dict[str, object] | None
    fault: str  # empty where there is a value; never holds text of the row


Reader = Callable[[Path], Iterator[RawRow]]
