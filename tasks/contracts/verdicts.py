"""What a check of data says. It holds line numbers and reasons, never the text of a row."""

from typing import Literal

from pydantic import Field

from tasks.contracts.frozen import Frozen


class RefusedRow(Frozen):
    line: int = Field(description="line of the file, from 1; for Parquet and CSV the row, header not counted")
    reason: str


class Verdict(Frozen):
    """The answer of `hallmark data check --json`; rows_read = rows_accepted + rows_rejected."""

    verdict: Literal["accept", "refuse"]
    rows_read: int
    rows_accepted: int
    rows_rejected: tuple[RefusedRow, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = Field(None, description="why the whole file is refused; null where it is not")
