"""The ledger in a file of SQLite, the embedded default.

Rollback journal, not WAL: the file is whole in itself, can be copied, and a reader needs no second file. Every
commit is on the disk before it returns (synchronous=EXTRA), so a kill or a power cut loses no finished entry.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.contracts.errors import DiskFull, LedgerBroken, ServiceUnreachable
from tasks.records import table
from tasks.records.chain import RESTORE

_GUARDS = """
CREATE TRIGGER IF NOT EXISTS ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_no_delete BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_only_append BEFORE INSERT ON ledger  -- REPLACE deletes without a DELETE trigger
    WHEN NEW.entry_index IS NOT (SELECT COALESCE(MAX(entry_index) + 1, 0) FROM ledger)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
_SCHEMA = "".join(f"{one} STRICT;\n" for one in table.TABLES) + f"{table.INDEX};\n{_GUARDS}"
_MADE = {"ledger", "ledger_end", "ledger_kind", "ledger_no_update", "ledger_no_delete", "ledger_only_append"}


_text = partial(str, encoding="utf-8", errors="surrogateescape")  # what is no UTF-8 then fails the check of the form


@dataclass(frozen=True)
class SqlitePlace:
    """A ledger's file. The head beside it lags one entry behind at most, after a kill."""

    path: Path
    most_behind: int | None = 1

    @property
    def name(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def opened(self, busy_seconds: float) -> "Iterator[SqliteDatabase]":
        """See table.Place."""
        try:
            with closing(sqlite3.connect(self.path, timeout=busy_seconds, isolation_level=None)) as connection:
                connection.text_factory = _text
                yield SqliteDatabase(connection)
        except sqlite3.OperationalError as error:
            raise _operational(self.path, error) from None
        except sqlite3.DatabaseError as error:
            raise LedgerBroken("cannot be read as a ledger", where=self.name, found=str(error),
                               next_step=RESTORE) from None


class SqliteDatabase:
    """An open file; see table.Database."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def prepare(self) -> None:
        self.execute("PRAGMA journal_mode = DELETE")
        self.execute("PRAGMA synchronous = EXTRA")
        there = {name for (name,) in self.execute("SELECT name FROM sqlite_master")}
        if not there.issuperset(_MADE):
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def is_made(self) -> bool:
        made = self.execute("SELECT name FROM sqlite_master WHERE name IN ('ledger', 'ledger_end')")
        return len(made) == len(table.TABLES)

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def look(self) -> None:
        self.execute("BEGIN")

    def end(self) -> None:
        self.execute("COMMIT")


def _operational(path: Path, error: sqlite3.OperationalError) -> Exception:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ServiceUnreachable("another process holds the ledger", where=str(path), next_step="Try again.")
    if name == "SQLITE_FULL":
        return DiskFull("no room for another entry", where=str(path), next_step="Free some space and try again.")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_PERM")):
        return ServiceUnreachable("the ledger's file cannot be used", where=str(path), found=str(error))
    return LedgerBroken("cannot be read as a ledger", where=str(path), found=str(error), next_step=RESTORE)
