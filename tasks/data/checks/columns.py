"""Columns of numbers that may be longer than memory: appended to on disk, read back a piece at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

BUFFER_BYTES = 1 << 18  # kept in memory before it is written; a short column never touches the disk
READ_ROWS = 1 << 17


class Column:
    """Values of one type in the order in which they were added.

    Args:
        path: the file for what memory should not hold; it appears with the first long column, and is the caller's to
            remove, with its folder.
        width: values a row; 1 gives a flat column.
    """

    def __init__(self, path: Path, dtype: np.typing.DTypeLike, width: int = 1) -> None:
        self._path, self._dtype, self._width = path, np.dtype(dtype), width
        self._kept: list[np.ndarray] = []
        self._kept_bytes = self._written = 0

    def __len__(self) -> int:
        return self._written + sum(map(len, self._kept))

    def add(self, values: np.ndarray) -> None:
        """Append values: [rows] or [rows, width]."""
        if len(values):
            self._kept.append(np.ascontiguousarray(values, self._dtype))
            self._kept_bytes += self._kept[-1].nbytes
        if self._kept_bytes >= BUFFER_BYTES:
            self._flush()

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The values of rows start..stop; all where neither is given."""
        stop = len(self) if stop is None else min(stop, len(self))
        if not self._written:
            return np.concatenate([self._shaped(np.empty(0, self._dtype)), *self._kept])[start:stop]
        self._flush()
        offset = start * self._dtype.itemsize * self._width
        return self._shaped(np.fromfile(self._path, self._dtype, (stop - start) * self._width, offset=offset))

    def pieces(self) -> Iterator[np.ndarray]:
        """All values, some at a time, in order."""
        for start in range(0, len(self), READ_ROWS):
            yield self.read(start, start + READ_ROWS)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """The values of some rows, in the order asked for; the file is read through, in no memory of ours."""
        if not self._written:
            return self.read()[numbers]
        self._flush()
        shape = (len(self), self._width) if self._width > 1 else (len(self),)
        with self._path.open("rb") as file:  # in one go: rows here and there would each wait for the disk
            if hasattr(os, "posix_fadvise"):  # Linux
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
            return np.array(np.memmap(file, self._dtype, "r", shape=shape)[numbers])

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, self._width) if self._width > 1 else values

    def _flush(self) -> None:
        if self._kept:
            with self._path.open("ab" if self._written else "wb") as file:
                for values in self._kept:
                    file.write(values.tobytes())
                    self._written += len(values)
            self._kept, self._kept_bytes = [], 0
