"""The ledger in PostgreSQL, for several hosts that share one (PostgreSQL 14 or later, psycopg 3).

One writer at a time by an advisory lock, which ends with its transaction and so with its process, killed or not.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.contracts.errors import DiskFull, HallmarkError, LedgerBroken, Misused, ServiceUnreachable
from tasks.records import table
from tasks.records.chain import RESTORE

if TYPE_CHECKING:
    import psycopg

_LOCK = int.from_bytes(b"hallmark")
_GUARDS = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE OR REPLACE FUNCTION ledger_refuse_gap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.entry_index <> (SELECT COALESCE(MAX(entry_index) + 1, 0) FROM ledger) THEN
        RAISE EXCEPTION 'the ledger is append-only'; END IF;
    RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER ledger_no_update BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_no_delete BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_only_append BEFORE INSERT ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_gap();
"""
_SCHEMA = "".join(f"{one};\n" for one in (*table.TABLES, table.INDEX)) + _GUARDS
_GUARD_NAMES = {"ledger_no_update", "ledger_no_delete", "ledger_no_truncate", "ledger_only_append"}


@dataclass(frozen=True)
class PostgresPlace:
    """A database by its URL, postgresql://user:password@host:port/name. Others may append unseen from here."""

    url: str
    most_behind: int | None = None

    @property
    def name(self) -> str:
        said = urlsplit(self.url)
        return f"postgresql://{said.netloc.rpartition('@')[2]}{said.path}"  # neither user nor password

    def exists(self) -> bool:
        return True

    @contextmanager
    def opened(self, busy_seconds: float) -> "Iterator[PostgresDatabase]":
        """See table.Place. Raises Misused where psycopg is missing or the URL is none."""
        psycopg = _psycopg()
        try:
            with closing(psycopg.connect(
                    self.url, autocommit=True, connect_timeout=max(2, round(busy_seconds)))) as connection:
                connection.execute(f"SET lock_timeout = {max(1, round(busy_seconds * 1000))}")
                yield PostgresDatabase(connection)
        except psycopg.Error as error:
            raise self._fault(error) from None

    def _fault(self, error: "psycopg.Error") -> HallmarkError:
        from psycopg import errors

        said = re.sub(r"\S+@", "", " ".join(str(error).split()))
        if isinstance(error, errors.LockNotAvailable):
            return ServiceUnreachable("another process holds the ledger", where=self.name, next_step="Try again.")
        if isinstance(error, errors.DiskFull):
            return DiskFull("no room for another entry", where=self.name, next_step="Free some space and try again.")
        if isinstance(error, errors.InsufficientPrivilege):
            return Misused("this user of the database may not do that", where=self.name, found=said)
        if isinstance(error, errors.OperationalError | errors.InterfaceError):
            return ServiceUnreachable("the ledger's database does not answer", where=self.name, found=said)
        if isinstance(error, errors.ProgrammingError) and error.sqlstate is None:
            return Misused("is no URL of a database", where=self.name, found=said)
        return LedgerBroken("cannot be read as a ledger", where=self.name, found=said, next_step=RESTORE)


class PostgresDatabase:
    """An open connection; see table.Database."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]"):
        self._connection = connection

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.replace("?", "%s").encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def prepare(self) -> None:
        self.execute("SET synchronous_commit = on")
        guards = {name for (name,) in self.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass('ledger') AND tgenabled <> 'D'")}
        if not (self.is_made() and guards.issuperset(_GUARD_NAMES)):
            self.begin()
            self.execute(_SCHEMA)
            self.end()

    def is_made(self) -> bool:
        return self.execute("SELECT to_regclass('ledger') IS NOT NULL AND to_regclass('ledger_end') IS NOT NULL"
                            ) == [(True,)]

    def begin(self) -> None:
        self.execute("BEGIN")
        self.execute("SELECT pg_advisory_xact_lock(?)", _LOCK)

    def look(self) -> None:
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def end(self) -> None:
        self.execute("COMMIT")


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise Misused("a ledger in PostgreSQL needs psycopg", wanted="the extra `server`",
                      next_step="pip install 'hallmark[server]'") from None
    return psycopg
