"""Entries of some kinds, without those of others being read."""

from tasks.records.ledger import Ledger


def test_entries_of_some_kinds_come_in_their_order(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.entries_of(["one"]) == []
    kinds = ["one", "two", "three"] * 2
    entries = [ledger.append(kind, "anna", {"number": number}) for number, kind in enumerate(kinds)]
    assert ledger.entries_of(["three", "one"]) == [entries[0], entries[2], entries[3], entries[5]]
    assert ledger.entries_of(["four", "' OR 1 --"]) == []
    assert ledger.entries_of([]) == []
