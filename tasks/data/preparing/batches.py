"""Shards of rows: JSON Lines that this project wrote itself, read in batches."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path


def read_shard(path: Path) -> list[dict]:
    """Return all rows of a shard in order. Raises FileNotFoundError where it is missing."""
    return [row for batch in read_rows_in_batches(path, 1000) for row in batch]


def read_rows_in_batches(path: Path, rows: int) -> Iterator[list[dict]]:
    """Yield the rows of a shard in order, `rows` at a time, the last batch shorter."""
    with path.open("rb") as file:
        while batch := [json.loads(line) for line in islice(file, rows)]:
            yield batch


def write_shard(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write rows, one a line; return how many. The same rows give the same bytes."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(shard_line(row))
            count += 1
    return count


def shard_line(row: Mapping[str, object]) -> bytes:
    """One row as compact JSON with sorted keys. No digest is taken of it, so it need not be RFC 8785."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
