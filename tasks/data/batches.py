"""Shards of rows: JSON Lines that this project wrote itself, read in batches."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from tasks.contracts.canonical import canonical_json


def read_shard(path: Path) -> list[dict]:
    """Return all rows of a shard in order. Raises FileNotFoundError where it is missing."""
    return [row for batch in read_rows_in_batches(path, 1000) for row in batch]


def read_rows_in_batches(path: Path, rows: int) -> Iterator[list[dict]]:
    """Yield the rows of a shard in order, `rows` at a time, the last batch shorter."""
    with path.open("rb") as file:
        while batch := [json.loads(line) for line in islice(file, rows)]:
            yield batch


def write_shard(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write rows as canonical JSON, one a line; return how many. The same rows give the same bytes."""
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one counts
            file.write(canonical_json(row) + b"\n")
    return count
