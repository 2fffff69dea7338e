"""A manifest as a change of a whole one: the rows that it lacks, and those that it has beside.

    root of the whole list (32 bytes), number of rows removed (8 bytes), these, then the rows added; each list sorted
"""

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from tasks.contracts.errors import DigestMismatch
from tasks.records.manifests import ID_BYTES, Content, Manifest

_HEAD_BYTES = ID_BYTES + 8


class Rows(Protocol):
    """Sorted ids, each once."""

    def __len__(self) -> int: ...

    def __contains__(self, row: bytes) -> bool: ...

    def __iter__(self) -> Iterator[bytes]: ...

    def between(self, low: bytes, high: bytes) -> list[bytes]: ...


class Changed:
    """A whole list without the rows of a second one and with those of a third."""

    def __init__(self, whole: Manifest, removed: Manifest, added: Manifest):
        self._whole, self._removed, self._added = whole, removed, added

    def __len__(self) -> int:
        return len(self._whole) - len(self._removed) + len(self._added)

    def __contains__(self, row: bytes) -> bool:
        return row in self._added or (row in self._whole and row not in self._removed)

    def __iter__(self) -> Iterator[bytes]:
        removed = set(self._removed)
        return heapq.merge((row for row in self._whole if row not in removed), self._added)

    def between(self, low: bytes, high: bytes) -> list[bytes]:
        """The rows from `low` to `high`, both included, sorted."""
        kept = [row for row in self._whole.between(low, high) if row not in self._removed]
        return sorted([*kept, *self._added.between(low, high)])


def change_of(whole: str, removed: Sequence[bytes], added: Sequence[bytes]) -> bytes:
    """The bytes of ROOT.change: the rows of a whole list without some and with others, both sorted."""
    return bytes.fromhex(whole) + len(removed).to_bytes(8) + b"".join([*removed, *added])


def parts_of(content: Content, path: Path) -> tuple[str, Manifest, Manifest]:
    """Root of the whole list, rows removed, rows added. Raises DigestMismatch where the bytes are no change."""
    middle = _HEAD_BYTES + int.from_bytes(content[ID_BYTES:_HEAD_BYTES]) * ID_BYTES
    try:
        removed, added = Manifest(content, _HEAD_BYTES, middle), Manifest(content, middle)
    except ValueError as error:
        raise DigestMismatch("is no change of a row manifest", where=str(path), found=str(error)) from None
    return content[:ID_BYTES].hex(), removed, added
