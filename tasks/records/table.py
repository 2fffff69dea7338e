"""The ledger's tables: one schema and one set of statements, whatever database keeps them.

Entries go in at the end, and nothing else can be done to them; the one row of `ledger_end` moves with them.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import LedgerBroken
from tasks.records.chain import RESTORE, Entry
from tasks.records.heads import Head, parse_head
from tasks.records.key_chain import ROTATED
from tasks.records.merkle import Frontier

TABLES = (
    """CREATE TABLE IF NOT EXISTS ledger (
    entry_index INTEGER PRIMARY KEY,
    time TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, parent TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, key TEXT NOT NULL, signature TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS ledger_end (
    place INTEGER PRIMARY KEY CHECK (place = 0), head TEXT NOT NULL, frontier TEXT NOT NULL)""",
)
INDEX = "CREATE INDEX IF NOT EXISTS ledger_kind ON ledger (kind)"
Said = tuple[int, str, str, str, str, str]  # index, time, kind, actor, hash, payload as canonical JSON
BATCH = 1000  # entries that are read at once
_SAID = "SELECT entry_index, time, kind, actor, hash, payload FROM ledger"
_ENTRIES = "SELECT entry_index, time, kind, actor, parent, payload, hash, key, signature FROM ledger"


class Database(Protocol):
    """An open connection. Its faults are raised as errors of Hallmark, without the password of its place."""

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, each `?` in it standing for a value, and return its rows."""

    def prepare(self) -> None:
        """Ask for durable commits, and make tables and guards where one is missing."""

    def is_made(self) -> bool:
        """Whether the tables are there."""

    def begin(self) -> None:
        """Start a transaction as the only writer; wait for another one to end."""

    def look(self) -> None:
        """Start a transaction that reads, and to which nothing changes until it ends."""

    def end(self) -> None:
        """Commit: what was written is on the disk."""


class Place(Protocol):
    """Where a ledger lies."""

    @property
    def name(self) -> str:
        """For messages; holds no password."""

    @property
    def most_behind(self) -> int | None:
        """By how many entries the head beside the tables may lag; None where others may append unseen from here."""

    def exists(self) -> bool:
        """Whether there is something to open."""

    def opened(self, busy_seconds: float) -> AbstractContextManager[Database]:
        """Open it; `busy_seconds` is how long to wait for another writer.

        Raises:
            LedgerBroken: it is no ledger, or a damaged one.
            ServiceUnreachable: it does not answer, or another writer held it too long.
            DiskFull: there is no room for another entry.
        """


@dataclass(frozen=True)
class End:
    """The signed head as the database has it, and the tree that it was signed over."""

    head: Head
    tree: Frontier


def insert(database: Database, entry: Entry) -> None:
    """Append one entry, inside a transaction."""
    database.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        entry.index, entry.time, entry.kind, entry.actor, entry.parent, entry.payload_json, entry.hash, entry.key,
        entry.signature)


def move_end(database: Database, end: End) -> None:
    """Put the new end in the place of the old one, in the transaction of the entry."""
    database.execute(
        "INSERT INTO ledger_end VALUES (0, ?, ?) "
        "ON CONFLICT (place) DO UPDATE SET head = excluded.head, frontier = excluded.frontier",
        canonical_json(end.head.as_json()).decode(),
        canonical_json({"size": end.tree.size, "peaks": [peak.hex() for peak in end.tree.peaks]}).decode())


def read_end(database: Database) -> End | None:
    """The end as it stands; None where there is none. Raises LedgerBroken where it is something else."""
    rows = database.execute("SELECT head, frontier FROM ledger_end") if database.is_made() else []
    if not rows:
        return None
    head, frontier = rows[0]
    try:
        said = json.loads(frontier)
        tree = Frontier(said["size"], tuple(bytes.fromhex(peak) for peak in said["peaks"]))
        return End(parse_head(head), tree)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerBroken("the signed head is none", where="table ledger_end", found=str(error),
                           next_step=RESTORE) from None


def select(database: Database, up_to: int | None = None) -> Iterator[list[Entry]]:
    """All entries in their order, or those up to an index, some at a time; none where the table was never made."""
    if not database.is_made():
        return
    rows = database.execute(f"{_ENTRIES} ORDER BY entry_index LIMIT {BATCH}")
    while rows:
        found = [_entry(row) for row in rows if up_to is None or row[0] <= up_to]
        if found:
            yield found
        if len(found) < BATCH:
            return
        rows = database.execute(f"{_ENTRIES} WHERE entry_index > ? ORDER BY entry_index LIMIT {BATCH}", rows[-1][0])


def select_kinds(database: Database, kinds: Collection[str]) -> list[Entry]:
    """The entries of some kinds, in their order."""
    if not database.is_made():
        return []
    marks = ", ".join("?" * len(kinds))
    return [_entry(row) for row in database.execute(
        f"{_ENTRIES} WHERE kind IN ({marks}) ORDER BY entry_index", *kinds)]


def select_said(database: Database, kinds: Collection[str]) -> list[Said]:
    """What the entries of some kinds say, in their order, without parent, key and signature, which a check reads."""
    if not database.is_made():
        return []
    marks = ", ".join("?" * len(kinds))
    return [(index, str(time), str(kind), str(actor), str(digest), str(payload))
            for index, time, kind, actor, digest, payload in database.execute(
                f"{_SAID} WHERE kind IN ({marks}) ORDER BY entry_index", *kinds)]


def select_tail(database: Database) -> list[Entry]:
    """The last two entries, or all where there are fewer, in their order."""
    if not database.is_made():
        return []
    return [_entry(row) for row in database.execute(f"{_ENTRIES} ORDER BY entry_index DESC LIMIT 2")][::-1]


def select_one(database: Database, index: int) -> Entry | None:
    """The entry of an index."""
    rows = database.execute(f"{_ENTRIES} WHERE entry_index = ?", index) if database.is_made() else []
    return _entry(rows[0]) if rows else None


def select_handovers(database: Database) -> list[Entry]:
    """The entries that name a new key, in their order."""
    if not database.is_made():
        return []
    return [_entry(row) for row in database.execute(f"{_ENTRIES} WHERE kind = ? ORDER BY entry_index", ROTATED)]


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(row[0], *map(str, row[1:]))  # what is no text in a table made anew then fails its hash
