"""The manifests of all versions, below <home>/manifests, each named by its Merkle root and written once.

Versions that read the same rows share a file. One that differs little from a list that is there already is kept as a
change of it: a thousand nightly versions of a million rows need gigabytes less. A change is always of a whole list,
never of another change, so that a row is looked up in at most three of them.

    ROOT          the ids, sorted, 32 bytes each
    ROOT.change   root of the whole list (32 bytes), number of ids removed (8 bytes), these, then the ids added
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.contracts.errors import DigestMismatch
from tasks.records.manifest_changes import Changed, Rows, change_of, parts_of
from tasks.records.manifest_index import Listed, ManifestIndex, Told
from tasks.records.manifests import ID_BYTES, Manifest, check_root, mapped, opened
from tasks.records.whole_files import write_whole

LARGEST_CHANGE = 1 / 16  # of the rows of the list; a larger one is kept whole


class ManifestStore:
    """The manifests of one installation. Nothing is made before the first one is kept."""

    def __init__(self, home: Path):
        self.folder = home / "manifests"
        self._index = ManifestIndex(self.folder / "index.db")

    def keep(self, source: Path, root: str, like: str | None = None) -> int:
        """Keep a manifest under its root, whole or not at all, and return how many rows it has.

        Args:
            like: root of a kept manifest that may differ little from it, e.g. of the version before.

        Raises:
            DigestMismatch: the file lists other rows than its root says; nothing was kept.
        """
        with opened(source) as rows:
            if not self.holds(root):
                check_root(rows, root, source)
                self._write(root, rows, self._whole_of(like))
            return len(rows)

    def holds(self, root: str) -> bool:
        """Whether a manifest is kept under this root."""
        return self._path(root).exists() or self._change(root).exists()

    def holding(self, row: bytes, roots: Iterable[str]) -> tuple[set[str], set[str]]:
        """Of some manifests those that hold a row, and those of which nobody can say: gone, or cut.

        Asks the index and the whole lists; bytes that were exchanged within a file are found by `checked` alone.
        """
        wanted = set(roots)
        try:
            known = self._index.asked(row)
            if missing := wanted - known.keys():
                self._enter(missing)
                known = self._index.asked(row)
            unreadable = wanted - known.keys()
            unreadable |= self._damaged(wanted - unreadable, known)
            return self._held(row, wanted - unreadable, known), unreadable
        except sqlite3.Error:  # damaged, or in a folder where it cannot be written: each manifest is asked itself
            return self._asked_one_by_one(row, wanted)

    def has(self, root: str, row: bytes) -> bool:
        """Whether a kept manifest holds a row. Raises DigestMismatch as `opened` does."""
        with self.opened(root) as rows:
            return row in rows

    def put_whole(self, root: str, content: bytes) -> None:
        """Keep a list whole, unchecked: see `keep`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(root), content)
        with self._index_alone():
            self._index.add(Listed(root, None, len(content)))

    def put_change(self, root: str, whole: str, removed: Sequence[bytes], added: Sequence[bytes]) -> None:
        """Keep a list as a change of a whole one, unchecked: see `keep`."""
        content = change_of(whole, removed, added)
        write_whole(self._change(root), content)
        with self._index_alone():
            self._enter_one(whole)
            self._index.add(Listed(root, whole, len(content)), removed, added)

    @contextmanager
    def _index_alone(self) -> Iterator[None]:
        """Let no fault of the index fail what was kept: it is given later what it lacks, and deleted if damaged."""
        try:
            yield
        except sqlite3.OperationalError:  # e.g. another process holds it
            return
        except sqlite3.DatabaseError:
            self._index.forget()

    @contextmanager
    def opened(self, root: str) -> Iterator[Rows]:
        """The rows of a kept manifest, over memory maps. Does not check them against the root: see `checked`.

        Raises:
            DigestMismatch: it is gone, or damaged so that it cannot be read.
        """
        if not self._change(root).exists():
            with opened(self._path(root)) as rows:
                yield rows
            return
        with mapped(self._change(root)) as content:
            whole, removed, added = parts_of(content, self._change(root))
            with opened(self._path(whole)) as rows:
                yield Changed(rows, removed, added)

    def checked(self, root: str) -> list[bytes]:
        """All ids of a kept manifest. Raises DigestMismatch where they are not those that the root names."""
        with self.opened(root) as rows:
            found = list(rows)
        check_root(found, root, self._path(root))
        return found

    def _whole_of(self, root: str | None) -> str | None:
        """The whole list that a kept manifest is, or is a change of."""
        if root is None or self._path(root).exists():
            return root
        if not self._change(root).exists():
            return None
        with self._change(root).open("rb") as file:
            return file.read(ID_BYTES).hex()

    def _write(self, root: str, rows: Manifest, like: str | None) -> None:
        if like is not None and self._path(like).exists():
            with opened(self._path(like)) as whole:
                before, now = set(whole), set(rows)
            removed, added = sorted(before - now), sorted(now - before)
            if len(removed) + len(added) <= LARGEST_CHANGE * len(rows):
                self.put_change(root, like, removed, added)
                return
        self.put_whole(root, b"".join(rows))

    def _enter(self, roots: Iterable[str]) -> None:
        """Enter manifests into the index; those that cannot be read stay out."""
        for root in roots:
            with suppress(DigestMismatch):
                self._enter_one(root)

    def _enter_one(self, root: str) -> None:
        if not self._change(root).exists():
            with opened(self._path(root)) as rows:
                self._index.add(Listed(root, None, len(rows) * ID_BYTES))
            return
        with mapped(self._change(root)) as content:
            whole, removed, added = parts_of(content, self._change(root))
            self._enter_one(whole)
            self._index.add(Listed(root, whole, len(content)), list(removed), list(added))

    def _held(self, row: bytes, roots: Collection[str], known: Mapping[str, Told]) -> set[str]:
        """Of some lists those that hold a row: each whole one is asked once, its changes are told by the index."""
        wholes = {root for root in {known[root][0] for root in roots} if self.has(root, row)}
        return {root for root in roots if (known[root][0] in wholes if known[root][2] is None else known[root][2])}

    def _damaged(self, roots: Collection[str], known: Mapping[str, Told]) -> set[str]:
        """Lists whose file is gone, or whose whole list's is gone or of another size than was written."""
        names = {one.name for one in os.scandir(self.folder)}
        cut = {root for root in {known[root][0] for root in roots}
               if root not in names or root not in known or self._path(root).stat().st_size != known[root][1]}
        return {root for root in roots
                if known[root][0] in cut or (known[root][0] != root and f"{root}.change" not in names)}

    def _asked_one_by_one(self, row: bytes, roots: Iterable[str]) -> tuple[set[str], set[str]]:
        held, unreadable = set(), set()
        for root in roots:
            try:
                held |= {root} if self.has(root, row) else set()
            except DigestMismatch:
                unreadable.add(root)
        return held, unreadable

    def _path(self, root: str) -> Path:
        return self.folder / root

    def _change(self, root: str) -> Path:
        return self.folder / f"{root}.change"
