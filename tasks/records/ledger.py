"""The ledger: who decided what on which evidence, in an order that nobody can change unseen.

Append-only, hash-chained, each entry signed. It holds digests and decisions, never bulk data or text of rows.
What it cannot find alone: a whole ledger replaced by an older copy of itself, heads and all, or one signed anew by
whoever holds the private key. Against both, keep exported heads elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tasks.contracts.errors import LedgerBroken, Misused
from tasks.contracts.places import home as default_home
from tasks.records import table
from tasks.records.chain import GENESIS, RESTORE, Entry, make_entry
from tasks.records.heads import Head, make_head, read_head, write_head
from tasks.records.installation_key import first_key, make_next_key, refuse_lost_key, signing_key, take_next_key
from tasks.records.key_chain import ROTATED, KeyChain
from tasks.records.ledger_end import Settled, read_key_chain, settle
from tasks.records.ledger_place import place_of
from tasks.records.signatures import Key, load_or_make_key
from tasks.records.table import End
from tasks.records.verification import Broken, Ends, Verification, verify_chain
from tasks.records.writer_lock import no_writer, one_writer


def utc_now() -> datetime:
    """The clock of the ledger where no other is passed in."""
    return datetime.now(UTC)


class Ledger:
    """The ledger of one installation. Holds no connection: any number of processes may each have one.

    Args:
        home: the state folder; HALLMARK_HOME by default. Nothing is made in it before the first append.
        clock: gives the time of an entry, with its zone.
        busy_seconds: how long to wait for another writer.
        url: of a PostgreSQL database; HALLMARK_LEDGER by default. Where neither is there, a file of SQLite in `home`.
    """

    def __init__(
        self, home: Path | None = None, *, clock: Callable[[], datetime] = utc_now, busy_seconds: float = 30.0,
        url: str | None = None,
    ):
        self.home = home or default_home()
        self.path = self.home / "ledger.db"
        self.head_path = self.home / "ledger.head"
        self._place = place_of(self.path, url)
        self._clock, self._busy_seconds = clock, busy_seconds

    @property
    def place(self) -> str:
        """Where it lies, for messages; holds no password."""
        return self._place.name

    def append(self, kind: str, actor: str, payload: Mapping[str, object]) -> Entry:
        """Record one thing and return the entry as it was read back from the disk.

        Raises:
            ValueError: the payload has no canonical JSON, e.g. it holds NaN; nothing was written.
            LedgerBroken: the end of the ledger does not verify; nothing was written.
            Misused: the private key is gone or another one though the ledger has entries.
            ServiceUnreachable, DiskFull: it could not be written.
        """
        if kind == ROTATED:
            raise ValueError("a new key is taken by rotate_key alone")
        with self._writing() as (database, settled):
            key = signing_key(self.home, settled.keys)
            entry, end = self._write(database, settled, kind, actor, payload, key, key)
            write_head(self.head_path, end.head)
            return entry

    def rotate_key(self, actor: str) -> Entry:
        """Hand over to a new private key, named in an entry that the old one signs; the old one is removed.

        Killed at any moment, either key continues the ledger: the old one until the entry is on the disk, the new one
        after that. Raises as append does.
        """
        with self._writing() as (database, settled):
            old = signing_key(self.home, settled.keys)
            new = make_next_key(self.home)
            said = {"key": new.public, "retired": old.public}
            entry, end = self._write(database, settled, ROTATED, actor, said, old, new)
            take_next_key(self.home)
            write_head(self.head_path, end.head)
            return entry

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries in their order, or those of one kind. Reads, does not verify."""
        if not self._place.exists():
            return []
        with self._place.opened(self._busy_seconds) as database:
            return [entry for batch in table.select(database) for entry in batch if kind in (None, entry.kind)]

    def entries_of(self, kinds: Collection[str]) -> list[Entry]:
        """The entries of some kinds, in their order. Reads, does not verify."""
        if not self._place.exists():
            return []
        with self._place.opened(self._busy_seconds) as database:
            return table.select_kinds(database, kinds)

    def said_of(self, kinds: Collection[str]) -> list[table.Said]:
        """What the entries of some kinds say, in their order, in half of the time of entries_of. Does not verify."""
        if not self._place.exists():
            return []
        with self._place.opened(self._busy_seconds) as database:
            return table.select_said(database, kinds)

    def head(self) -> str:
        """The hash of the last entry; 64 zeros where there is none."""
        if not self._place.exists():
            return GENESIS
        with self._place.opened(self._busy_seconds) as database:
            tail = table.select_tail(database)
        return tail[-1].hash if tail else GENESIS

    def signed_head(self) -> Head | None:
        """The signed head, its end of the chain checked; None where there is no entry. Raises LedgerBroken."""
        if not self._place.exists() and not self.head_path.exists():
            return None
        with no_writer(self.home, self.place, self._busy_seconds), self._place.opened(self._busy_seconds) as database:
            database.look()
            if not table.select_tail(database) and not self.head_path.exists():
                return None  # there may be no key yet either
            settled = self._settled(database)
        return settled.end.head if settled.end else None

    def keys(self) -> KeyChain:
        """The keys of its entries from the first on; each handing over is checked. Raises LedgerBroken, Misused."""
        first = first_key(self.home)
        if not self._place.exists():
            return KeyChain(first)
        with self._place.opened(self._busy_seconds) as database:
            return read_key_chain(database, first)

    def verify(self, since: Head | None = None) -> Verification:
        """Check every entry and the signed heads; say where the first break is, if there is one.

        Args:
            since: a head exported earlier, which the ledger must continue.
        """
        try:
            if not self._place.exists():
                return self._verified([], Ends(None, read_head(self.head_path), 0, -1), since)
            with self._place.opened(self._busy_seconds) as database:
                with no_writer(self.home, self.place, self._busy_seconds):
                    ends = self._ends(database)
                return self._verified(table.select(database, ends.last), ends, since)
        except (LedgerBroken, Misused) as error:
            return Verification(False, 0, Broken(0, error.message()))

    def _verified(self, batches: Iterable[list[Entry]], ends: Ends, since: Head | None) -> Verification:
        if not (ends.rows or ends.stored or ends.beside or since):
            return Verification(True, 0)  # there is no key yet either
        return verify_chain(
            batches, ends, first_key(self.home), most_behind=self._place.most_behind, since=since)

    def _write(
        self, database: table.Database, settled: Settled, kind: str, actor: str, payload: Mapping[str, object],
        key: Key, next_key: Key,
    ) -> tuple[Entry, End]:
        """Write an entry and the head after it in one transaction, and read both back."""
        last = settled.last
        index, parent = (last.index + 1, last.hash) if last else (0, GENESIS)
        entry = make_entry(index, self._time(), kind, actor, parent, payload, key)
        tree = settled.tree.grown(bytes.fromhex(entry.hash))
        end = End(make_head(entry, tree, next_key), tree)
        table.insert(database, entry)
        table.move_end(database, end)
        database.end()
        alone = self._place.most_behind is not None  # else another host may have moved the end since
        if table.select_one(database, index) != entry or (alone and table.read_end(database) != end):
            raise LedgerBroken("was written but reads otherwise", where=str(entry), next_step=RESTORE)
        return entry, end

    @contextmanager
    def _writing(self) -> Iterator[tuple[table.Database, Settled]]:
        """A transaction of the only writer, on an end that holds."""
        self.home.mkdir(parents=True, exist_ok=True)
        with one_writer(self.home, self.place, self._busy_seconds), self._place.opened(self._busy_seconds) as database:
            database.prepare()
            database.begin()
            if table.select_tail(database):
                refuse_lost_key(self.home)
            else:
                load_or_make_key(self.home)
            settled = self._settled(database)
            if settled.end and settled.end.head != settled.beside:  # a kill left it behind; twice must not add up
                write_head(self.head_path, settled.end.head)
            yield database, settled

    def _settled(self, database: table.Database) -> Settled:
        return settle(database, self._place, read_head(self.head_path), first_key(self.home))

    def _ends(self, database: table.Database) -> Ends:
        """What stands beside the entries, at one moment."""
        database.look()
        made = database.is_made()
        rows = database.execute("SELECT COUNT(*), COALESCE(MAX(entry_index), -1) FROM ledger") if made else [(0, -1)]
        stored = table.read_end(database)
        database.end()
        return Ends(stored, read_head(self.head_path), *rows[0])

    def _time(self) -> str:
        now = self._clock()
        if now.tzinfo is None:
            raise ValueError("the clock of a ledger must say its zone")
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
