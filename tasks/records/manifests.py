"""Row manifests: the ids of all rows that went into one use, sorted, each 32 bytes, and their Merkle root.

Nothing else is in the file, so that row n lies at byte 32 n and one row is found by bisection, without reading the
file. The root commits to the whole list, so that one row's presence, or its absence between two neighbours, can be
proved without the list.
"""

import mmap
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.contracts.errors import DigestMismatch
from tasks.records.merkle import tree_hash
from tasks.records.whole_files import write_whole

ID_BYTES = 32
Content = bytes | mmap.mmap
_ID = re.compile(r"[0-9a-f]{64}")


class Manifest:
    """The sorted ids in a stretch of bytes, which may be a memory map; found by bisection, and none is copied before.

    Args:
        start, end: where the ids begin and end, in bytes; all bytes by default.

    Raises:
        ValueError: the stretch is no whole number of ids, or does not lie in the bytes.
    """

    def __init__(self, content: Content, start: int = 0, end: int | None = None):
        end = len(content) if end is None else end
        if not 0 <= start <= end <= len(content) or (end - start) % ID_BYTES:
            raise ValueError(f"{end - start} of {len(content)} bytes are no whole number of ids of {ID_BYTES} bytes")
        self._content, self._start, self._rows = content, start, (end - start) // ID_BYTES

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, index: int) -> bytes:
        if not 0 <= index < self._rows:
            raise IndexError(index)
        start = self._start + index * ID_BYTES
        return self._content[start:start + ID_BYTES]

    def __iter__(self) -> Iterator[bytes]:
        places = range(self._start, self._start + self._rows * ID_BYTES, ID_BYTES)
        return (self._content[place:place + ID_BYTES] for place in places)

    def place(self, row: bytes) -> int:
        """Index of the row, or of the first one above it."""
        return bisect_left(self, row)

    def __contains__(self, row: bytes) -> bool:
        index = self.place(row)
        return index < len(self) and self[index] == row

    def between(self, low: bytes, high: bytes) -> list[bytes]:
        """The rows from `low` to `high`, both included."""
        return [self[index] for index in range(self.place(low), min(self.place(high) + 1, len(self)))
                if self[index] <= high]


def merkle_root(sorted_ids: Sequence[str]) -> str:
    """The Merkle tree hash of RFC 6962, section 2.1, with each row id's 32 bytes as a leaf.

    Raises:
        ValueError: an id is not 64 characters of lower hex, or the ids are not sorted, each once.
    """
    return root_of(_checked(sorted_ids))


def root_of(ids: Iterable[bytes]) -> str:
    """The Merkle root of ids of 32 bytes that are sorted, each once. Raises ValueError where they are not."""
    return tree_hash(_rising(ids)).hex()


def _rising(ids: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for number, row in enumerate(ids, 1):
        if row <= last:
            raise ValueError(f"row {number} is not above the one before it; ids are sorted, each once")
        yield row
        last = row


def write_manifest(ids: Iterable[str], path: Path) -> str:
    """Write the ids, sorted and each once, and return their Merkle root.

    The file appears whole or not at all. Raises ValueError on an id that is none.
    """
    rows = sorted(set(_checked(ids)))
    write_whole(path, b"".join(rows))
    return root_of(rows)


def read_manifest(path: Path, root: str | None = None) -> list[str]:
    """Read the ids of a manifest; with a root, refuse any other list.

    Raises:
        DigestMismatch: the file is no manifest, or its root is another one.
    """
    with opened(path) as rows:
        check_root(rows, root, path)
        return [row.hex() for row in rows]


def check_root(rows: Iterable[bytes], root: str | None, path: Path) -> None:
    """Raise DigestMismatch where the rows are not sorted, or a root is given and theirs is another."""
    try:
        found = root_of(rows)
    except ValueError as error:
        raise DigestMismatch("is no row manifest", where=str(path), found=str(error)) from None
    if root not in (None, found):
        raise DigestMismatch("lists other rows than were recorded", where=str(path), wanted=f"root {root}", found=found)


@contextmanager
def opened(path: Path) -> Iterator[Manifest]:
    """A manifest over a memory map. Raises DigestMismatch where there is none; does not check its root."""
    with mapped(path) as content:
        try:
            rows = Manifest(content)
        except ValueError as error:
            raise DigestMismatch("is no row manifest", where=str(path), found=str(error)) from None
        yield rows


@contextmanager
def mapped(path: Path) -> Iterator[Content]:
    """A file's bytes as a memory map. Raises DigestMismatch where it cannot be read."""
    try:
        with path.open("rb") as file:
            empty = not path.stat().st_size
            content: Content = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DigestMismatch("the row manifest cannot be read", where=str(path), found=error.strerror or "") from None
    try:
        yield content
    finally:
        if isinstance(content, mmap.mmap):
            content.close()


def _checked(ids: Iterable[str]) -> Iterator[bytes]:
    for number, row in enumerate(ids, 1):
        if not _ID.fullmatch(row):
            raise ValueError(f"line {number} is no row id, wanted 64 characters of lower hex")
        yield bytes.fromhex(row)
