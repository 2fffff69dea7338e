"""Reading the ledger quickly says the same as reading it entry by entry, and leaves Python as it was."""

import gc
import sqlite3

import pytest

from flows.lineage.reading import opened, uncollected
from flows.lineage.versions import told
from flows.lineage.who_saw import KINDS
from tasks.records.ledger import Ledger
from tests.flows.audit_world import World


def test_the_entries_of_some_kinds_are_those_of_the_ledger_each_with_its_own_payload(audited: World) -> None:
    ledger = audited.ledger
    for kinds in (KINDS, ("registered",), ("run started", "no such kind"), ("no such kind",)):
        found, _, _ = opened(ledger, kinds)
        assert found == told(ledger.entries_of(kinds)), kinds
    assert {one.kind for one in opened(ledger, KINDS)[0]} == {"registered", "promoted"}


def test_a_payload_that_was_cut_is_an_error_and_no_other_entry_s(audited: World) -> None:
    with sqlite3.connect(audited.home / "ledger.db") as database:
        database.execute("DROP TRIGGER ledger_no_update")
        database.execute("UPDATE ledger SET payload = '{},{}' WHERE kind = 'promoted' AND entry_index = 27")
    with pytest.raises(ValueError, match="argument"):
        opened(audited.ledger, ("promoted",))
    assert not Ledger(audited.home).verify().ok


@uncollected()
def divided() -> float:
    assert not gc.isenabled()
    return 1 / 0


def test_the_collector_is_paused_while_entries_are_read_and_goes_on_also_after_a_fault() -> None:
    with pytest.raises(ZeroDivisionError):
        divided()
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled(), "whoever had paused it before has it paused still"
    finally:
        gc.enable()
