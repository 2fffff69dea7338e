"""Keys of rows that may be more than memory holds, so divided on disk that equal keys come together again.

What is the same is found a partition at a time: a partition is sorted by key, and equal keys stand side by side.
Memory: one buffer and one partition, about 1/PARTITIONS of all keys.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

PARTITIONS_BITS = 9
PARTITIONS = 1 << PARTITIONS_BITS  # 100 million rows have 3.1 MB of one key in each
BUFFER_RECORDS = 1 << 18  # 4 MiB; fewer keys never touch the disk

RECORD = np.dtype([("key", "<u8"), ("row", "<i8")])


class Spool:
    """Keys, each with the number of the row that has it.

    Args:
        folder: where the partitions' files go; the caller removes it.
        name: of the files.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._buffer: list[np.ndarray] = []
        self._buffered = self._count = 0
        self.spilled = False

    def __len__(self) -> int:
        return self._count

    def add(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """Append keys, uint64, and the rows that have them, never smaller than those before."""
        records = np.empty(len(keys), RECORD)
        records["key"], records["row"] = keys, rows
        self._buffer.append(records)
        self._buffered += len(records)
        self._count += len(records)
        if self._buffered >= BUFFER_RECORDS:
            self._spill()

    def partitions(self) -> Iterator[np.ndarray]:
        """All records, a partition at a time, each sorted by key, and by row within a key; few are one partition."""
        if self.spilled:
            for number in range(PARTITIONS):
                yield self.partition(number)
        else:
            yield _sorted(self._in_memory())

    def partition(self, number: int) -> np.ndarray:
        """The sorted records of one of PARTITIONS partitions: those whose key begins with its number."""
        path = self._path(number)
        written = np.fromfile(path, RECORD) if path.exists() else np.empty(0, RECORD)
        kept = self._in_memory()
        return _sorted(np.concatenate([written, kept[_places(kept["key"]) == number]]))

    def _in_memory(self) -> np.ndarray:
        if len(self._buffer) != 1:
            self._buffer = [np.concatenate([np.empty(0, RECORD), *self._buffer])]
        return self._buffer[0]

    def _spill(self) -> None:
        records = self._in_memory()
        places = _places(records["key"])
        records = records[np.argsort(places, kind="stable")]
        ends = np.cumsum(np.bincount(places, minlength=PARTITIONS))
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            if end > start:
                with self._path(number).open("ab") as file:
                    file.write(records[start:end].tobytes())
        self._buffer, self._buffered, self.spilled = [], 0, True

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number:03d}"


def side_by_side(one: Spool, other: Spool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The partitions of two spools that may hold equal keys, both sorted."""
    if one.spilled or other.spilled:
        for number in range(PARTITIONS):
            yield one.partition(number), other.partition(number)
    else:
        yield next(one.partitions()), next(other.partitions())


def group_starts(keys: np.ndarray) -> np.ndarray:
    """True at the first of each run of equal keys in a sorted array."""
    return np.concatenate([np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1]])


def group_numbers(starts: np.ndarray) -> np.ndarray:
    """The index of each element's group, from 0, given where groups start."""
    return np.cumsum(starts) - 1


def _places(keys: np.ndarray) -> np.ndarray:
    return (keys >> np.uint64(64 - PARTITIONS_BITS)).astype(np.int64)


def _sorted(records: np.ndarray) -> np.ndarray:
    return records[np.argsort(records["key"], kind="stable")]
