"""A new key for the ledger: who signed what is still told apart, and a retired key signs no more."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.contracts.errors import LedgerBroken, Misused
from tasks.records.chain import make_entry
from tasks.records.ledger import Ledger
from tasks.records.signatures import Key, key_paths, load_key, load_or_make_key, load_public
from tasks.records.sqlite_table import SqlitePlace
from tests.records.worlds import World


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Entry 0 by the first key, entry 1 hands over, entry 2 by the second."""
    ledger = Ledger(tmp_path / "home")
    ledger.append("register", "anna", {"version": 1})
    shutil.copytree(key_paths(ledger.home)[0].parent, tmp_path / "old" / "keys")
    ledger.rotate_key("anna")
    ledger.append("register", "anna", {"version": 2})
    return ledger


@pytest.fixture
def old(ledger: Ledger, tmp_path: Path) -> Key:
    return load_key(key_paths(tmp_path / "old")[0])


def test_the_old_key_signs_the_entry_that_names_the_new_one_and_the_new_one_all_after_it(ledger, old):
    first, handover, after = ledger.entries()
    new = load_key(key_paths(ledger.home)[0]).public
    assert (first.key, handover.key, after.key) == (old.public, old.public, new)
    assert (handover.kind, handover.payload) == ("key rotated", {"key": new, "retired": old.public})
    assert ledger.signed_head().key == new
    assert ledger.verify().ok
    assert ledger.keys().all == (old.public, new)


def test_the_first_public_key_stays_what_is_trusted_and_no_old_private_key_is_left(ledger, old):
    private, public = key_paths(ledger.home)
    assert load_public(public) == old.public
    assert sorted(path.name for path in private.parent.iterdir()) == ["ledger.pem", "ledger.pub"]
    assert private.stat().st_mode & 0o777 == 0o600
    assert load_key(private).public != old.public


def test_an_entry_signed_by_a_retired_or_an_unknown_key_is_named(ledger, old, tmp_path):
    world, last = World(ledger, SqlitePlace(ledger.path)), ledger.entries()[-1]
    eve = load_or_make_key(tmp_path / "eve")
    for key, words in ((old, "which was retired at entry 1"), (eve, "which is unknown to it")):
        world.tamper("DELETE FROM ledger WHERE entry_index = 2")
        world.put(make_entry(2, last.time, last.kind, "eve", last.parent, last.payload, key))
        at, reason = world.broken()
        assert (at, words in reason) == (2, True)
        with pytest.raises(LedgerBroken, match=words):
            ledger.append("register", "anna", {})


def test_a_new_key_before_its_turn_is_named(ledger, old, tmp_path):
    world, (first, handover, after) = World(ledger, SqlitePlace(ledger.path)), ledger.entries()
    new = load_key(key_paths(ledger.home)[0])
    world.tamper("DELETE FROM ledger WHERE entry_index >= 1")
    early = make_entry(1, handover.time, "register", "anna", first.hash, {}, new)
    world.put(early, replace(handover, index=2, parent=early.hash), replace(after, index=3, parent=handover.hash))
    at, reason = world.broken()
    assert (at, "which is unknown to it" in reason) == (1, True)


@pytest.mark.parametrize("payload", [{}, {"key": "no key"}, {"key": 7}, {"key": "OLD"}])
def test_a_handover_to_nothing_or_to_a_key_that_had_its_turn_is_named(ledger, old, payload):
    world, (first, handover, _) = World(ledger, SqlitePlace(ledger.path)), ledger.entries()
    said = {name: old.public if value == "OLD" else value for name, value in payload.items()}
    world.tamper("DELETE FROM ledger WHERE entry_index >= 1")
    world.put(make_entry(1, handover.time, "key rotated", "anna", first.hash, said, old))
    at, reason = world.broken()
    assert (at, "hands over to no new key" in reason) == (1, True)
    with pytest.raises(LedgerBroken, match="hands over"):
        ledger.append("register", "anna", {})


def test_nobody_hands_over_by_an_ordinary_append(ledger):
    with pytest.raises(ValueError, match="rotate_key alone"):
        ledger.append("key rotated", "anna", {"key": "ab" * 32})
    assert ledger.verify().entries == 3


def test_an_installation_that_kept_the_old_private_key_is_told_so_and_writes_nothing(ledger, old, tmp_path):
    private = key_paths(ledger.home)[0]
    private.write_bytes(key_paths(tmp_path / "old")[0].read_bytes())
    with pytest.raises(Misused, match="which was retired at entry 1"):
        ledger.append("register", "anna", {})
    assert ledger.verify().ok
    assert ledger.verify().entries == 3


def test_a_kill_between_the_entry_and_the_new_file_is_mended_by_the_next_append(ledger, old, tmp_path):
    private = key_paths(ledger.home)[0]
    private.rename(private.with_name("ledger.next.pem"))
    private.write_bytes(key_paths(tmp_path / "old")[0].read_bytes())
    assert ledger.verify().ok
    ledger.append("register", "anna", {})
    assert ledger.verify().ok
    assert sorted(path.name for path in private.parent.iterdir()) == ["ledger.pem", "ledger.pub"]


def test_a_next_key_that_no_entry_names_is_thrown_away(ledger):
    private = key_paths(ledger.home)[0]
    stray = load_or_make_key(ledger.home.parent / "stray")
    private.with_name("ledger.next.pem").write_bytes(key_paths(ledger.home.parent / "stray")[0].read_bytes())
    ledger.append("register", "anna", {})
    ledger.rotate_key("anna")
    assert stray.public not in ledger.keys().all
    assert ledger.verify().ok


def test_a_ledger_may_begin_with_a_handover_and_have_many(tmp_path):
    ledger = Ledger(tmp_path)
    for _ in range(4):
        ledger.rotate_key("anna")
    assert ledger.verify().ok
    assert len(set(ledger.keys().all)) == 5
