"""The ledger: who decided what on which evidence, in an order that nobody can change unseen.

Append-only, hash-chained, each entry signed. It holds digests and decisions, never bulk data or text of rows.
What it cannot find alone: a whole ledger replaced by an older copy of itself, head and all, or one signed anew by
whoever holds the private key. Against both, keep exported heads elsewhere.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.contracts.errors import DiskFull, LedgerBroken, Misused, ServiceUnreachable
from tasks.contracts.places import home as default_home
from tasks.records import table
from tasks.records.chain import (
    GENESIS,
    RESTORE,
    Broken,
    Entry,
    Verification,
    broken_entry,
    broken_head,
    make_entry,
    make_head,
    verify_chain,
)
from tasks.records.heads import read_head, write_head
from tasks.records.signatures import Key, key_paths, load_key, load_or_make_key, load_public


def utc_now() -> datetime:
    """The clock of the ledger where no other is passed in."""
    return datetime.now(UTC)


class Ledger:
    """The ledger of one installation. Holds no connection: any number of processes may each have one.

    Args:
        home: the state folder; HALLMARK_HOME by default. Nothing is made in it before the first append.
        clock: gives the time of an entry, with its zone.
        busy_seconds: how long to wait for another writer.
    """

    def __init__(
        self, home: Path | None = None, *, clock: Callable[[], datetime] = utc_now, busy_seconds: float = 30.0
    ):
        self.home = home or default_home()
        self.path = self.home / "ledger.db"
        self.head_path = self.home / "ledger.head"
        self._clock, self._busy_seconds = clock, busy_seconds

    def append(self, kind: str, actor: str, payload: Mapping[str, object]) -> Entry:
        """Record one thing and return the entry as it was read back from the disk.

        Raises:
            ValueError: the payload has no canonical JSON, e.g. it holds NaN; nothing was written.
            LedgerBroken: the end of the ledger does not verify; nothing was written.
            Misused: the private key is gone though the ledger has entries.
            ServiceUnreachable, DiskFull: it could not be written.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with self._one_writer(), table.opened(self.path, self._busy_seconds) as connection:
            table.prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            tail = table.select_tail(connection)
            key = self._signing_key(bool(tail))
            self._settle_head(tail, key)
            index, parent = (tail[-1].index + 1, tail[-1].hash) if tail else (0, GENESIS)
            entry = make_entry(index, self._time(), kind, actor, parent, payload, key)
            table.insert(connection, entry)
            connection.execute("COMMIT")
            found = table.select_tail(connection)[-1]
            if found != entry:
                raise LedgerBroken("was written but reads otherwise", where=str(entry), next_step=RESTORE)
            write_head(self.head_path, make_head(found, key))
            return found

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries in their order, or those of one kind. Reads, does not verify."""
        if not self.path.exists():
            return []
        with table.opened(self.path, self._busy_seconds) as connection:
            return [entry for entry in table.select(connection) if kind in (None, entry.kind)]

    def head(self) -> str:
        """The hash of the last entry; 64 zeros where there is none."""
        if not self.path.exists():
            return GENESIS
        with table.opened(self.path, self._busy_seconds) as connection:
            tail = table.select_tail(connection)
        return tail[-1].hash if tail else GENESIS

    def verify(self) -> Verification:
        """Check every entry and the signed head; say where the first break is, if there is one."""
        if not self.path.exists() and not self.head_path.exists():
            return Verification(True, 0)
        try:
            with self._no_writer():
                entries, head = self.entries(), read_head(self.head_path)
            return verify_chain(entries, head, self._trusted_key())
        except (LedgerBroken, Misused) as error:
            return Verification(False, 0, Broken(0, error.message()))

    def _settle_head(self, tail: list[Entry], key: Key) -> None:
        """Refuse to build on a broken end, and bring a head that a kill left one behind up to the last entry."""
        head = read_head(self.head_path)
        trusted = self._trusted_key()
        reason = broken_entry(tail[-1], tail[-2] if len(tail) > 1 else None, trusted) if tail else ""
        reason = reason or broken_head(tail, head, trusted)
        if reason:
            raise LedgerBroken(reason, where=str(self.path), next_step=RESTORE)
        if tail and (head is None or head.index < tail[-1].index):
            write_head(self.head_path, make_head(tail[-1], key))

    def _signing_key(self, has_entries: bool) -> Key:
        private, _ = key_paths(self.home)
        if has_entries and not private.exists():
            raise Misused(
                "the ledger's private key is gone, and no other key can continue it", where=str(private),
                next_step="Restore the file from its backup.")
        return load_or_make_key(self.home)

    def _trusted_key(self) -> str:
        private, public = key_paths(self.home)
        return load_public(public) if public.exists() else load_key(private).public

    def _time(self) -> str:
        now = self._clock()
        if now.tzinfo is None:
            raise ValueError("the clock of a ledger must say its zone")
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Hold off other writers from the insert to the new head. The system frees the lock of a killed process."""
        try:
            with FileLock(self.home / "ledger.lock", timeout=self._busy_seconds):
                yield
        except Timeout:
            raise ServiceUnreachable(
                "another process holds the ledger", where=str(self.path), next_step="Try again.") from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DiskFull("no room for another entry", where=str(self.path),
                           next_step="Free some space and try again.") from None

    @contextmanager
    def _no_writer(self) -> Iterator[None]:
        """As _one_writer; a folder in which this process may not write is a copy, to which nobody appends."""
        with self._one_writer() if os.access(self.home, os.W_OK) else nullcontext():
            yield
