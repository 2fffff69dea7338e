"""Row manifests: the ids of all rows that a stage read, sorted, one a line, and their Merkle root.

The root commits to the whole list, so that one row's presence, or its absence between two neighbours, can be
proved without the list.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from tasks.contracts.errors import DigestMismatch

_ID = re.compile(r"[0-9a-f]{64}")


def merkle_root(sorted_ids: Sequence[str]) -> str:
    """The Merkle tree hash of RFC 6962, section 2.1, with each row id's 32 bytes as a leaf.

        MTH({}) = sha256()        leaf = sha256(0x00 || id)        node = sha256(0x01 || left || right)

    A tree of n leaves splits at the largest power of two below n; hashing neighbours level by level and handing
    an odd last one up unchanged is the same tree.

    Raises:
        ValueError: an id is not 64 characters of lower hex, or the ids are not sorted, each once.
    """
    _check(sorted_ids)
    level = [hashlib.sha256(b"\0" + bytes.fromhex(row)).digest() for row in sorted_ids]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2:]
    return level[0].hex()


def write_manifest(ids: Iterable[str], path: Path) -> str:
    """Write the ids, sorted and each once, one a line, and return their Merkle root.

    The file appears whole or not at all. Raises ValueError on an id that is none.
    """
    rows = sorted(set(ids))
    root = merkle_root(rows)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text("".join(f"{row}\n" for row in rows), encoding="ascii")
    draft.replace(path)
    return root


def read_manifest(path: Path, root: str | None = None) -> list[str]:
    """Read the ids of a manifest; with a root, refuse any other list.

    Raises:
        DigestMismatch: the file is no manifest, or its root is another one.
    """
    try:
        rows = path.read_text(encoding="ascii").splitlines()
        found = merkle_root(rows)
    except ValueError as error:
        raise DigestMismatch("is no row manifest", where=str(path), found=str(error)) from None
    if root not in (None, found):
        raise DigestMismatch("lists other rows than were recorded", where=str(path), wanted=f"root {root}", found=found)
    return rows


def _check(ids: Sequence[str]) -> None:
    for number, row in enumerate(ids, 1):
        if not _ID.fullmatch(row):
            raise ValueError(f"line {number} is no row id, wanted 64 characters of lower hex")
    for number, (before, after) in enumerate(pairwise(ids), 2):
        if before >= after:
            raise ValueError(f"line {number} is not above the one before it; ids are sorted, each once")
