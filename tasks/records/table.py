"""The ledger's table in SQLite: entries go in at the end, and nothing else can be done to them.

Rollback journal, not WAL: the file is whole in itself, can be copied, and a reader needs no second file. Every
commit is on the disk before it returns (synchronous=EXTRA), so a kill or a power cut loses no finished entry.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.contracts.errors import DiskFull, LedgerBroken, ServiceUnreachable
from tasks.records.chain import RESTORE, Entry

_COLUMNS = "entry_index, time, kind, actor, parent, payload, hash, key, signature"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    entry_index INTEGER PRIMARY KEY,
    time TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, parent TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, key TEXT NOT NULL, signature TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS ledger_kind ON ledger (kind);
CREATE TRIGGER IF NOT EXISTS ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_no_delete BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_only_append BEFORE INSERT ON ledger  -- REPLACE deletes without a DELETE trigger
    WHEN NEW.entry_index IS NOT (SELECT COALESCE(MAX(entry_index) + 1, 0) FROM ledger)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@contextmanager
def opened(path: Path, busy_seconds: float) -> Iterator[sqlite3.Connection]:
    """Open the ledger's file for reading and appending, its faults told in Hallmark's words.

    Raises:
        LedgerBroken: the file is no database, or a damaged one.
        ServiceUnreachable: another writer held it longer than `busy_seconds`.
        DiskFull: there is no room for another entry.
    """
    try:
        with closing(sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)) as connection:
            connection.text_factory = _text
            yield connection
    except sqlite3.OperationalError as error:
        raise _operational(path, error) from None
    except sqlite3.DatabaseError as error:
        raise LedgerBroken("cannot be read as a ledger", where=str(path), found=str(error), next_step=RESTORE) from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")  # what is no UTF-8 then fails the check of the form


def prepare(connection: sqlite3.Connection) -> None:
    """Ask for durable commits, and make the table and its guards where one is missing."""
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = EXTRA")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not there.issuperset(("ledger", "ledger_kind", "ledger_no_update", "ledger_no_delete", "ledger_only_append")):
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Append one entry. Call it inside a transaction."""
    connection.execute(
        f"INSERT INTO ledger ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  the names are constants
        (entry.index, entry.time, entry.kind, entry.actor, entry.parent,
         entry.payload_json, entry.hash, entry.key, entry.signature))


def select(connection: sqlite3.Connection) -> Iterator[Entry]:
    """All entries in their order; none where the table was never made."""
    if _is_made(connection):
        for row in connection.execute(f"SELECT {_COLUMNS} FROM ledger ORDER BY entry_index"):  # noqa: S608
            yield Entry(*row)


def select_tail(connection: sqlite3.Connection) -> list[Entry]:
    """The last two entries, or all where there are fewer, in their order."""
    if not _is_made(connection):
        return []
    rows = connection.execute(f"SELECT {_COLUMNS} FROM ledger ORDER BY entry_index DESC LIMIT 2")  # noqa: S608
    return [Entry(*row) for row in rows][::-1]


def _is_made(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger'").fetchone() is not None


def _operational(path: Path, error: sqlite3.OperationalError) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ServiceUnreachable("another process holds the ledger", where=str(path), next_step="Try again.")
    if name == "SQLITE_FULL":
        return DiskFull("no room for another entry", where=str(path), next_step="Free some space and try again.")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_PERM")):
        return ServiceUnreachable("the ledger's file cannot be used", where=str(path), found=str(error))
    return LedgerBroken("cannot be read as a ledger", where=str(path), found=str(error), next_step=RESTORE)
