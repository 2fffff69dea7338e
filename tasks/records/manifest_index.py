"""Which kept manifests hold a row, without asking each: an index that can be made anew from the manifests.

Manifests are whole lists or changes of one. A whole list is asked itself; the changes of it hold what it holds, but
for the rows that they name, and these are looked up here. So a thousand nightly versions cost one look at each of
some twenty whole lists, and one in this table. It proves nothing, and may be deleted.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

Told = tuple[str, int, int | None]  # root of its whole list, or its own; bytes of its file; 1 a row added, 0 removed
_SCHEMA = """
CREATE TABLE IF NOT EXISTS list (
    id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, whole INTEGER REFERENCES list, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS change (
    row BLOB NOT NULL, list INTEGER NOT NULL, added INTEGER NOT NULL, PRIMARY KEY (row, list)) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A manifest that the index knows."""

    root: str
    whole: str | None  # root of the list that it is a change of; None: it is a whole one
    bytes: int  # of its file


class ManifestIndex:
    """The index beside the manifests of one folder; made at the first change, in a database of its own."""

    def __init__(self, path: Path):
        self._path = path

    def add(self, one: Listed, removed: Sequence[bytes] = (), added: Sequence[bytes] = ()) -> None:
        """Enter a manifest, whole or not at all; one that is known stays as it is. A change comes after its whole list.

        Raises:
            sqlite3.Error: the index cannot be written, or is damaged.
        """
        with self._opened() as connection, connection:
            connection.executescript(f"PRAGMA synchronous = NORMAL; {_SCHEMA}")
            connection.execute("BEGIN IMMEDIATE")
            done = connection.execute(
                "INSERT OR IGNORE INTO list (root, whole, bytes) VALUES (?, (SELECT id FROM list WHERE root = ?), ?)",
                (_key(one.root), _key(one.whole), one.bytes))
            if done.rowcount:
                rows = [*((row, done.lastrowid, 0) for row in removed), *((row, done.lastrowid, 1) for row in added)]
                connection.executemany("INSERT INTO change (row, list, added) VALUES (?, ?, ?)", rows)

    def asked(self, row: bytes) -> dict[str, Told]:
        """What it says about a row, of every manifest that was entered, by root. Raises sqlite3.Error where damaged."""
        if not self._path.exists():
            return {}
        with self._opened() as connection:
            lists = connection.execute("SELECT id, root, whole, bytes FROM list").fetchall()
            said = dict(connection.execute("SELECT list, added FROM change WHERE row = ?", (row,)).fetchall())
        roots = {number: root.hex() for number, root, _, _ in lists}
        return {roots[number]: (roots.get(whole, roots[number]), size, said.get(number))  # plain: there are thousands
                for number, _, whole, size in lists}

    def forget(self) -> None:
        """Delete the index, which is made anew where it is needed."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30.0, isolation_level=None)) as connection:
            yield connection


def _key(root: str | None) -> bytes | None:
    return None if root is None else bytes.fromhex(root)
