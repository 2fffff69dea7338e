"""The ledger: what goes in stays in, and whatever was done to it since is found and named."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import LedgerBroken, Misused, ServiceUnreachable
from tasks.records.chain import GENESIS, make_entry
from tasks.records.ledger import Ledger
from tasks.records.signatures import key_paths, load_key, load_or_make_key

TIME = datetime(2026, 11, 2, 10, 4, 5, tzinfo=UTC)
COLUMNS = ("time", "kind", "actor", "parent", "payload", "hash", "key", "signature")


def ledger_with(entries: int, home: Path) -> Ledger:
    ledger = Ledger(home, clock=lambda: TIME)
    for number in range(entries):
        ledger.append("register", "anna", {"version": number, "digest": f"{number:064x}"})
    return ledger


@pytest.fixture(scope="module")
def five_entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ledger_with(5, tmp_path_factory.mktemp("five")).home


@pytest.fixture
def ledger(five_entries: Path, tmp_path: Path) -> Ledger:
    """A ledger of entries 0 to 4, copied because each append waits for the disk."""
    return Ledger(shutil.copytree(five_entries, tmp_path / "home"), clock=lambda: TIME)


def tamper(ledger: Ledger, *statements: str) -> None:
    """Do with the table what somebody could who may write the file."""
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        for trigger in ("ledger_no_update", "ledger_no_delete", "ledger_only_append"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)


def break_of(ledger: Ledger) -> tuple[int, str]:
    verification = ledger.verify()
    assert not verification.ok
    assert verification.broken is not None
    return verification.broken.index, verification.broken.reason


def test_an_entry_is_chained_to_the_one_before_and_hashed_over_all_it_says(tmp_path):
    ledger = Ledger(tmp_path, clock=lambda: TIME)
    first = ledger.append("run started", "anna", {"b": 1.0, "a": "e\u0301"})
    second = ledger.append("register", "anna", {})
    said = ('{"actor":"anna","index":0,"kind":"run started","parent":"' + "0" * 64
            + '","payload":{"a":"\u00e9","b":1},"time":"2026-11-02T10:04:05.000000Z"}')
    assert first.hash == sha256_hex(said.encode())
    assert (first.parent, second.parent) == (GENESIS, first.hash)
    assert first.payload == {"a": "\u00e9", "b": 1}
    assert ledger.entries() == [first, second]
    assert ledger.entries("register") == [second]
    assert ledger.head() == second.hash
    assert ledger.verify().ok
    assert ledger.verify().entries == 2


def test_reading_a_ledger_that_was_never_written_makes_nothing(tmp_path):
    ledger = Ledger(tmp_path / "home")
    assert (ledger.entries(), ledger.head(), ledger.verify().ok) == ([], GENESIS, True)
    assert not (tmp_path / "home").exists()


def test_the_time_is_written_in_utc_and_a_clock_without_a_zone_is_refused(tmp_path):
    there = timezone(timedelta(hours=2))
    entry = Ledger(tmp_path, clock=lambda: datetime(2026, 11, 2, 1, 0, tzinfo=there)).append("a", "b", {})
    assert entry.time == "2026-11-01T23:00:00.000000Z"
    with pytest.raises(ValueError, match="zone"):
        Ledger(tmp_path, clock=lambda: datetime(2026, 11, 2)).append("a", "b", {})  # noqa: DTZ001


def test_what_cannot_be_canonical_is_not_written(ledger):
    for payload in ({"x": float("nan")}, {"x": "\ud800"}, {"x": 2**60}):
        with pytest.raises(ValueError, match="canonical"):
            ledger.append("decision", "anna", payload)
    assert ledger.verify().entries == 5


@pytest.mark.parametrize("statement", [
    "UPDATE ledger SET actor = 'eve' WHERE entry_index = 2",
    "DELETE FROM ledger WHERE entry_index = 4",
    "INSERT OR REPLACE INTO ledger SELECT 2, time, kind, 'eve', 'p', payload, 'h', key, signature FROM ledger LIMIT 1",
    "INSERT INTO ledger SELECT 9, time, kind, actor, 'p', payload, 'h', key, signature FROM ledger LIMIT 1",
])
def test_the_table_refuses_everything_but_the_next_entry(ledger, statement):
    refusal = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with closing(sqlite3.connect(ledger.path)) as connection, refusal:
        connection.execute(statement)
    assert ledger.verify().ok


@pytest.mark.parametrize("index", [0, 2, 4])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_field_is_found_where_it_was_changed(ledger, column, index):
    # the last character moves by one: hex stays hex, JSON that ends in } does not stay JSON
    tamper(ledger, f"UPDATE ledger SET {column} = substr({column}, 1, length({column}) - 1) || "
                   f"CASE substr({column}, -1) WHEN 'e' THEN 'f' ELSE 'e' END WHERE entry_index = {index}")
    at, reason = break_of(ledger)
    assert at == index
    assert f"entry {index} (" in reason


@pytest.mark.parametrize(("column", "value"), [
    ("payload", '{"digest":"00","version":2}'), ("payload", '{"version":2, "digest":"x"}'), ("payload", "[]"),
    ("payload", "[" * 5000), ("payload", '{"x":1e999}'), ("time", "2026-11-02T10:04:05.00000\u0660Z"),
    ("kind", "e\u0301"),
])
def test_a_change_that_still_parses_or_does_not_even_parse_is_found(ledger, column, value):
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute(f"UPDATE ledger SET {column} = ? WHERE entry_index = 2", (value,))
    assert break_of(ledger)[0] == 2


def test_a_payload_written_another_way_is_found_though_it_means_the_same(ledger):
    tamper(ledger, "UPDATE ledger SET payload = replace(payload, ',', ', ') WHERE entry_index = 3")
    at, reason = break_of(ledger)
    assert at == 3
    assert "written another way" in reason


def test_bytes_that_are_no_text_are_found(ledger):
    tamper(ledger, "UPDATE ledger SET actor = CAST(x'ff' AS TEXT) WHERE entry_index = 1")
    assert break_of(ledger)[0] == 1


@pytest.mark.parametrize("index", [0, 2, 3])
def test_a_deleted_entry_is_missed(ledger, index):
    tamper(ledger, f"DELETE FROM ledger WHERE entry_index = {index}")
    at, reason = break_of(ledger)
    assert at == index
    assert reason.startswith(f"entry {index} is missing")


def test_an_entry_deleted_with_those_after_it_moved_up_is_found(ledger):
    tamper(ledger, "DELETE FROM ledger WHERE entry_index = 2",
           "UPDATE ledger SET entry_index = entry_index - 1 WHERE entry_index > 2")
    at, reason = break_of(ledger)
    assert at == 2
    assert "names parent" in reason
    assert "entry 1 hashes to" in reason
    assert "entries 0–1 are intact. Restore the ledger" in reason


def test_swapped_entries_are_found(ledger):
    tamper(ledger, "UPDATE ledger SET entry_index = -1 WHERE entry_index = 1",
           "UPDATE ledger SET entry_index = 1 WHERE entry_index = 2",
           "UPDATE ledger SET entry_index = 2 WHERE entry_index = -1")
    assert break_of(ledger)[0] == 1


def test_an_inserted_entry_is_found_even_when_the_chain_is_forged_after_it(ledger, tmp_path):
    entries = ledger.entries()
    eve = load_or_make_key(tmp_path / "eve")
    forged = [make_entry(2, entries[2].time, "approve", "eve", entries[1].hash, {}, eve)]
    for entry in entries[2:]:
        forged.append(make_entry(
            entry.index + 1, entry.time, entry.kind, entry.actor, forged[-1].hash, entry.payload, eve))
    for claimed_key in (eve.public, entries[0].key):
        tamper(ledger, "DELETE FROM ledger WHERE entry_index > 1")
        put(ledger, [replace(entry, key=claimed_key) for entry in forged])
        at, reason = break_of(ledger)
        assert at == 2
        assert "sign" in reason


def put(ledger: Ledger, entries: list) -> None:
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [
            (e.index, e.time, e.kind, e.actor, e.parent, e.payload_json, e.hash, e.key, e.signature) for e in entries])


def test_an_entry_before_the_first_one_is_found(ledger):
    tamper(ledger, "UPDATE ledger SET entry_index = -1 WHERE entry_index = 4")
    assert break_of(ledger)[0] == 0


@pytest.mark.parametrize("left", [0, 3, 4])
def test_a_cut_tail_is_found_by_the_signed_head(ledger, left):
    tamper(ledger, f"DELETE FROM ledger WHERE entry_index >= {left}")
    at, reason = break_of(ledger)
    assert at == left
    assert "tail is cut: the head names entry 4" in reason
    with pytest.raises(LedgerBroken, match="tail is cut"):
        ledger.append("register", "anna", {})


def test_a_removed_table_file_is_found_by_the_signed_head(ledger):
    ledger.path.unlink()
    assert "ledger is empty" in break_of(ledger)[1]


def test_a_head_that_a_kill_left_one_behind_is_fine_and_the_next_append_mends_it(ledger):
    behind = ledger.head_path.read_bytes()
    ledger.append("register", "anna", {"version": 5})
    ledger.head_path.write_bytes(behind)  # as if the writer had died between its commit and the new head
    assert ledger.verify().ok
    ledger.append("register", "anna", {"version": 6})
    assert ledger.verify().ok
    assert json.loads(ledger.head_path.read_bytes())["size"] == 7


def test_a_first_entry_without_a_head_is_fine_after_a_kill(tmp_path):
    ledger = ledger_with(1, tmp_path)
    ledger.head_path.unlink()
    assert ledger.verify().ok
    ledger.append("register", "anna", {})
    assert ledger.verify().ok


def test_an_old_a_missing_a_forged_and_a_broken_head_are_found(ledger):
    old = ledger.head_path.read_bytes()
    ledger.append("register", "anna", {})
    ledger.append("register", "anna", {})
    good = json.loads(ledger.head_path.read_bytes())
    for head, words in (
        (old, "old one"), (None, "gone"), (b"", "no head"), (b'{"size":6}', "no head"), (b"[]", "no head"),
        (json.dumps(good | {"size": 6}).encode(), "not signed"),
        (json.dumps(good | {"key": "00" * 32}).encode(), "not signed"),
        (json.dumps(good | {"hash": ledger.entries()[5].hash}).encode(), "not signed"),
    ):
        ledger.head_path.unlink(missing_ok=True)
        if head is not None:
            ledger.head_path.write_bytes(head)
        assert words in break_of(ledger)[1]
        with pytest.raises(LedgerBroken, match=words):
            ledger.append("register", "anna", {})


def test_a_last_entry_that_the_same_key_signed_anew_does_not_fit_the_head(ledger):
    parent = ledger.entries()[3].hash
    key = load_key(key_paths(ledger.home)[0])
    tamper(ledger, "DELETE FROM ledger WHERE entry_index = 4")
    put(ledger, [make_entry(4, "2026-11-03T00:00:00.000000Z", "approve", "eve", parent, {}, key)])
    at, reason = break_of(ledger)
    assert at == 5
    assert "as entry 4 but that hashes to" in reason


def test_nothing_is_appended_to_a_ledger_whose_last_entry_was_changed(ledger):
    tamper(ledger, "UPDATE ledger SET actor = 'eve' WHERE entry_index = 4")
    with pytest.raises(LedgerBroken, match="entry 4"):
        ledger.append("register", "anna", {})


def test_guards_that_somebody_took_away_are_back_after_the_next_append(ledger):
    tamper(ledger)
    ledger.append("register", "anna", {})
    with closing(sqlite3.connect(ledger.path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM ledger")


def test_a_lost_private_key_stops_writing_and_not_verifying(ledger):
    key_paths(ledger.home)[0].unlink()
    assert ledger.verify().ok
    with pytest.raises(Misused, match="private key is gone"):
        ledger.append("register", "anna", {})


def test_without_any_key_nothing_is_verified(ledger):
    for path in key_paths(ledger.home):
        path.unlink()
    assert "wanted a private key" in break_of(ledger)[1]


def test_a_lost_public_key_is_made_again_from_the_private_one(ledger):
    public = key_paths(ledger.home)[1]
    public.unlink()
    assert ledger.verify().ok
    ledger.append("register", "anna", {})
    assert public.exists()
    assert ledger.verify().ok


def test_another_key_verifies_nothing_and_continues_nothing(ledger, tmp_path):
    load_or_make_key(tmp_path / "eve")
    for mine, other in zip(key_paths(ledger.home), key_paths(tmp_path / "eve"), strict=True):
        mine.write_bytes(other.read_bytes())
    at, reason = break_of(ledger)
    assert at == 0
    assert "signed by key" in reason
    with pytest.raises(LedgerBroken, match="signed by key"):
        ledger.append("register", "anna", {})


def test_a_file_that_is_no_database_is_said_to_be_broken(ledger):
    ledger.path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    assert "ledger.db" in break_of(ledger)[1]
    with pytest.raises(LedgerBroken, match="not a database"):
        ledger.append("register", "anna", {})


def test_a_writer_that_is_held_off_too_long_says_so_and_writes_nothing(tmp_path):
    ledger_with(1, tmp_path)
    impatient = Ledger(tmp_path, busy_seconds=0.1)
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServiceUnreachable, match="another process holds"):
            impatient.append("register", "anna", {})
    assert impatient.verify().entries == 1
