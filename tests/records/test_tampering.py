"""Whatever is done to a ledger is found and named, in SQLite and in PostgreSQL; in an untouched one nothing is."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import LedgerBroken
from tasks.records.chain import Entry, make_entry
from tasks.records.heads import Head, make_head, parse_head, write_head
from tasks.records.ledger import Ledger
from tasks.records.merkle import Frontier
from tasks.records.postgres_table import PostgresPlace
from tasks.records.signatures import load_or_make_key
from tasks.records.sqlite_table import SqlitePlace
from tests.records.postgres import cluster
from tests.records.worlds import COLUMNS, HAPPENED, World, clocked, database_of, record

SIZE = len(HAPPENED)
EVERY = range(SIZE)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """A state folder with a whole ledger; the server and the database's name where it lies in PostgreSQL."""
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        record(clocked(home))
        yield home, "", ""
        return
    with cluster() as server, database_of(server) as (url, name):
        record(clocked(home, url))
        yield home, server, name


@pytest.fixture
def world(made: tuple[Path, str, str], tmp_path: Path) -> Iterator[World]:
    """A copy of it to do harm to."""
    home, server, template = made
    copy = shutil.copytree(home, tmp_path / "home")
    if not server:
        yield World(Ledger(copy), SqlitePlace(copy / "ledger.db"))
        return
    with database_of(server, template) as (url, _):
        yield World(Ledger(copy, url=url), PostgresPlace(url))


def test_an_untouched_world_has_no_finding(world):
    head = world.ledger.signed_head()
    found = world.ledger.verify(since=head)
    assert (found.ok, found.entries, found.broken) == (True, SIZE, None)
    assert len({entry.kind for entry in world.ledger.entries()}) >= 8
    assert len({entry.key for entry in world.ledger.entries()}) == 3
    world.ledger.append("run started", "anna", {})
    assert world.ledger.verify(since=head).ok


def test_every_field_of_every_entry_that_is_changed_is_found_and_its_entry_named(world):
    entries = world.ledger.entries()
    for entry in entries:
        for column in COLUMNS:
            # the last character moves by one: hex stays hex, JSON that ends in } does not stay JSON
            world.tamper(f"UPDATE ledger SET {column} = substr({column}, 1, length({column}) - 1) || "
                         f"CASE substr({column}, length({column})) WHEN 'e' THEN 'f' ELSE 'e' END "
                         f"WHERE entry_index = {entry.index}")
            at, reason = world.broken()
            assert at == entry.index, column
            assert f"entry {entry.index} (" in reason
            world.tamper(f"DELETE FROM ledger WHERE entry_index = {entry.index}")
            world.put(entry)
    assert world.ledger.verify().ok


def test_every_payload_that_says_something_else_is_found_though_it_is_canonical(world):
    for entry in world.ledger.entries():
        changed = canonical_json({**entry.payload, "note": "forged"}).decode()
        world.tamper(f"UPDATE ledger SET payload = '{changed}' WHERE entry_index = {entry.index}")
        at, reason = world.broken()
        assert (at, "what it says hashes to" in reason) == (entry.index, True)
        world.tamper(f"DELETE FROM ledger WHERE entry_index = {entry.index}")
        world.put(entry)


def test_every_index_that_is_changed_is_found(world):
    for index in EVERY:
        world.tamper(f"UPDATE ledger SET entry_index = 100 WHERE entry_index = {index}")
        assert world.broken()[0] == index
        world.tamper(f"UPDATE ledger SET entry_index = {index} WHERE entry_index = 100")
    world.tamper(f"UPDATE ledger SET entry_index = -1 WHERE entry_index = {SIZE - 1}")
    assert world.broken()[0] == 0


def test_every_entry_that_is_deleted_is_missed(world):
    for entry in world.ledger.entries():
        world.tamper(f"DELETE FROM ledger WHERE entry_index = {entry.index}")
        at, reason = world.broken()
        assert at == entry.index
        assert ("tail is cut" if at == SIZE - 1 else f"entry {at} is missing") in reason
        world.put(entry)


def test_every_entry_that_is_deleted_with_those_after_it_moved_up_is_found(world):
    entries = world.ledger.entries()
    for index in range(SIZE - 1):
        world.tamper(f"DELETE FROM ledger WHERE entry_index >= {index}")
        world.put(*(replace(entry, index=entry.index - 1) for entry in entries[index + 1:]))
        assert world.broken()[0] == index
        world.tamper(f"DELETE FROM ledger WHERE entry_index >= {index}")
        world.put(*entries[index:])


def test_every_two_entries_that_are_swapped_are_found_at_the_first(world):
    for first in EVERY:
        for second in range(first + 1, SIZE):
            swap = [f"UPDATE ledger SET entry_index = {new} WHERE entry_index = {old}"
                    for old, new in ((first, -7), (second, first), (-7, second))]
            world.tamper(*swap)
            assert world.broken()[0] == first
            world.tamper(*swap)
    assert world.ledger.verify().ok


def test_an_entry_inserted_anywhere_is_found_even_with_the_chain_forged_after_it(world, tmp_path):
    entries, eve = world.ledger.entries(), load_or_make_key(tmp_path / "eve")
    for index in range(SIZE + 1):
        forged: list[Entry] = []
        for position in range(index, SIZE + 1):
            old = entries[position - 1] if position > index else entries[min(index, SIZE - 1)]
            parent = forged[-1].hash if forged else entries[index - 1].hash if index else "0" * 64
            forged.append(make_entry(position, old.time, old.kind, "eve", parent, old.payload, eve))
        for claimed in (eve.public, entries[min(index, SIZE - 1)].key):
            world.tamper(f"DELETE FROM ledger WHERE entry_index >= {index}")
            world.put(*(replace(entry, key=claimed) for entry in forged))
            at, reason = world.broken()
            assert (at, "sign" in reason) == (index, True)
        world.tamper(f"DELETE FROM ledger WHERE entry_index >= {index}")
        world.put(*entries[index:])
    assert world.ledger.verify().ok


def test_a_tail_that_is_cut_anywhere_is_found_and_nothing_is_appended(world):
    for left in reversed(EVERY):
        world.tamper(f"DELETE FROM ledger WHERE entry_index >= {left}")
        at, reason = world.broken()
        assert (at, f"tail is cut: the head names entry {SIZE - 1}" in reason) == (left, True)
        with pytest.raises(LedgerBroken):
            world.ledger.append("run started", "anna", {})


def test_a_stored_head_that_is_changed_in_any_field_or_gone_is_found(world):
    head = world.ledger.signed_head()
    assert head
    wrong = {"size": SIZE - 1, "hash": "00" * 32, "time": "2026-11-03T00:00:00.000000Z", "root": "00" * 32,
             "key": world.ledger.entries()[0].key, "signature": "00" * 64}
    for field, value in wrong.items():
        changed = canonical_json({**head.as_json(), field: value}).decode()
        world.tamper(f"UPDATE ledger_end SET head = '{changed}'")
        assert "not signed by the ledger's key" in world.broken()[1], field
    world.tamper("UPDATE ledger_end SET head = '{}'")
    assert "the signed head is none" in world.broken()[1]
    world.tamper("DELETE FROM ledger_end")
    assert "the signed head is gone" in world.broken()[1]
    with pytest.raises(LedgerBroken, match="head is gone"):
        world.ledger.append("run started", "anna", {})


def test_stored_subtrees_that_are_changed_are_found_before_a_head_is_signed_over_them(world):
    peaks = [f"{number:064x}" for number in range(SIZE.bit_count())]
    world.tamper(f"""UPDATE ledger_end SET frontier = '{json.dumps({"size": SIZE, "peaks": peaks})}'""")
    assert "stored subtrees" in world.broken()[1]
    with pytest.raises(LedgerBroken, match="stored subtrees"):
        world.ledger.append("run started", "anna", {})


def test_a_head_replaced_by_an_older_one_with_the_tail_cut_is_found_by_the_head_beside_it(world):
    head = older_head(world)
    world.tamper(f"DELETE FROM ledger WHERE entry_index >= {head.size}")
    world.tamper(f"UPDATE ledger_end SET head = '{canonical_json(head.as_json()).decode()}'")
    at, reason = world.broken()
    assert (at, "tail is cut" in reason or "another Merkle root" in reason or "subtrees" in reason) == (head.size, True)


def test_a_ledger_restored_whole_from_an_older_copy_is_found_by_an_exported_head_alone(world, tmp_path):
    exported = world.ledger.signed_head()
    entries = world.ledger.entries()
    older, tree = older_head(world), tree_of(entries[:SIZE - 1])
    frontier = json.dumps({"size": tree.size, "peaks": [peak.hex() for peak in tree.peaks]})
    world.tamper(f"DELETE FROM ledger WHERE entry_index >= {SIZE - 1}", "UPDATE ledger_end SET "
                 f"head = '{canonical_json(older.as_json()).decode()}', frontier = '{frontier}'")
    write_head(world.ledger.head_path, older)
    assert world.ledger.verify().ok  # alone it cannot know
    found = world.ledger.verify(since=exported)
    assert not found.ok
    assert found.broken
    assert found.broken.index == SIZE - 1
    assert "the ledger was cut" in found.broken.reason


def test_a_ledger_that_its_own_key_signed_anew_is_found_by_an_exported_head_alone(world):
    world.ledger.append("run started", "anna", {"run": "r3"})
    exported = world.ledger.signed_head()
    key = load_or_make_key(world.ledger.home)
    entries = world.ledger.entries()
    last = entries[-1]
    forged = make_entry(last.index, last.time, last.kind, "eve", last.parent, last.payload, key)
    tree = tree_of([*entries[:-1], forged])
    head = make_head(forged, tree, key)
    frontier = json.dumps({"size": tree.size, "peaks": [peak.hex() for peak in tree.peaks]})
    world.tamper(f"DELETE FROM ledger WHERE entry_index = {last.index}")
    world.put(forged)
    world.tamper(f"UPDATE ledger_end SET head = '{canonical_json(head.as_json()).decode()}', frontier = '{frontier}'")
    write_head(world.ledger.head_path, head)
    assert world.ledger.verify().ok
    found = world.ledger.verify(since=exported)
    assert found.broken
    assert (found.broken.index, "the ledger was rewritten" in found.broken.reason) == (last.index, True)


def test_an_exported_head_that_was_changed_or_is_of_another_ledger_is_named(world, tmp_path):
    exported = world.ledger.signed_head()
    assert exported
    other = clocked(tmp_path / "other")
    record(other)
    strange = other.signed_head()
    for since, words in ((replace(exported, size=SIZE - 1), "was changed"), (strange, "signed by another key")):
        found = world.ledger.verify(since=since)
        assert found.broken
        assert words in found.broken.reason


def tree_of(entries: list[Entry]) -> Frontier:
    tree = Frontier()
    for entry in entries:
        tree = tree.grown(bytes.fromhex(entry.hash))
    return tree


def older_head(world: World) -> Head:
    """The head of one entry less, as the same key signed it then."""
    entries, key = world.ledger.entries()[:-1], load_or_make_key(world.ledger.home)
    head = make_head(entries[-1], tree_of(entries), key)
    return parse_head(canonical_json(head.as_json()))


def test_what_several_processes_check_is_found_where_it_is_as_by_one(world, monkeypatch):
    monkeypatch.setattr("tasks.records.verification.MANY", 1)
    monkeypatch.setattr("tasks.records.table.BATCH", 2)
    assert world.ledger.verify().ok
    world.tamper("UPDATE ledger SET signature = substr(signature, 2) || '0' WHERE entry_index IN (6, 9)")
    at, reason = world.broken()
    assert (at, "bears a signature that its key did not make" in reason) == (6, True)
    world.tamper("DELETE FROM ledger WHERE entry_index = 4")
    assert world.broken()[0] == 4
