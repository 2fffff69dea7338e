"""A ledger with entries of every kind, and what somebody could do to it who may write to its database."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.records.chain import Entry
from tasks.records.ledger import Ledger
from tasks.records.sqlite_table import SqlitePlace
from tasks.records.table import Database, Place

START = datetime(2026, 11, 2, 10, 4, 5, tzinfo=UTC)
COLUMNS = ("time", "kind", "actor", "parent", "payload", "hash", "key", "signature")
TRIGGERS = ("ledger_no_update", "ledger_no_delete", "ledger_only_append")
DIGEST = "5f" * 32
HAPPENED = (
    ("run started", "schedule", {"run": "r1", "commit": "ab" * 20, "dirty": False}),
    ("decision", "schedule", {"verdict": "promote", "findings": [{"metric": "kl_nats", "found": 4.25}]}),
    ("registered", "schedule", {"name": "policy", "version": 1, "digest": DIGEST, "bundle": "b1" * 32}),
    ("promoted", "schedule", {"name": "policy", "version": 1, "digest": DIGEST}),
    ("run finished", "schedule", {"run": "r1", "outcome": "promoted"}),
    None,  # the key is rotated
    ("notified", "schedule", {"id": "msg_1", "host": "hooks.example.org"}),
    ("run started", "anna", {"run": "r2", "note": "Zw\u00f6lf \u4e8c"}),
    ("decision", "anna", {"verdict": "refuse", "findings": []}),
    ("approved", "ben", {"version": 2, "reason": "looks fine", "expires": None}),
    None,
    ("rolled back", "ben", {"to": 1, "reason": "worse"}),
    ("run finished", "anna", {"run": "r2", "outcome": "refused"}),
)


@dataclass(frozen=True)
class World:
    """A ledger, and where it lies."""

    ledger: Ledger
    place: Place

    def tamper(self, *statements: str) -> None:
        """Take the guards away, as the owner of the tables can, and run these in one transaction."""
        with self.place.opened(5) as database:
            self.unguard(database)
            for statement in statements:
                database.execute(statement)
            database.end()

    def unguard(self, database: Database) -> None:
        database.begin()
        on = "" if isinstance(self.place, SqlitePlace) else " ON ledger"
        for trigger in TRIGGERS:
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}")

    def put(self, *entries: Entry) -> None:
        """Insert rows past the ledger's own way."""
        with self.place.opened(5) as database:
            self.unguard(database)
            for entry in entries:
                database.execute(
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", entry.index, entry.time, entry.kind,
                    entry.actor, entry.parent, entry.payload_json, entry.hash, entry.key, entry.signature)
            database.end()

    def broken(self) -> tuple[int, str]:
        """Index and reason of the break that verify finds."""
        found = self.ledger.verify()
        assert not found.ok
        assert found.broken
        return found.broken.index, found.broken.reason


def ticking() -> Iterator[datetime]:
    moment = START
    while True:
        yield moment
        moment += timedelta(seconds=7, microseconds=11)


def record(ledger: Ledger) -> None:
    """Let all of it happen."""
    for said in HAPPENED:
        if said is None:
            ledger.rotate_key("anna")
        else:
            ledger.append(*said)


def clocked(home: Path, url: str | None = None) -> Ledger:
    clock = ticking()
    return Ledger(home, clock=lambda: next(clock), url=url)


@contextmanager
def database_of(server: str, template: str = "template1") -> Iterator[tuple[str, str]]:
    """A database of its own on a server, copied from another one: its URL and its name."""
    import psycopg

    name = f"w{uuid.uuid4().hex}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        try:
            yield server.replace("/postgres?", f"/{name}?"), name
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
