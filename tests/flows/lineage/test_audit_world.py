"""The audited world is what its page says, and each copy stands for itself."""

import sqlite3
from contextlib import closing

from flows.promotion import history, succession
from tests.flows.audit_world import DEMONSTRATED, ERASED, HELD_OUT, LATER, World


def test_the_world_is_as_its_page_tells_it(audited: World) -> None:
    entries = audited.ledger.entries()
    assert audited.ledger.verify().ok
    assert [one.version for one in history.registered(entries, "policy")] == [1, 2, 3, 4, 5, 6]
    assert [one.version for one in succession.line(entries, "policy")] == [1, 2, 5]
    assert succession.rolled_back(entries, "policy") == {4: "swears at customers"}
    assert list(succession.overridden(entries, "policy")) == [4]
    assert [one.version for one in history.challengers(entries, "policy")] == [6]
    assert [entry.time[:10] for entry in entries if entry.kind == "promoted"] == [
        "2026-01-05", "2026-01-06", "2026-01-10", "2026-01-11", "2026-01-12"]
    trained = (audited.root / "build/prepared/preferences_train.jsonl").read_text()
    assert ERASED in trained
    assert LATER in trained
    assert DEMONSTRATED in (audited.root / "build/checked/demonstrations.jsonl").read_text()
    assert HELD_OUT in (audited.root / "build/prepared/preferences_test.jsonl").read_text()


def test_a_copy_of_the_world_names_no_path_of_the_one_that_it_was_made_from(audited: World, lived) -> None:
    with closing(sqlite3.connect(audited.home / "mlflow.db")) as database:
        text = "\n".join(database.iterdump())
    assert str(lived) not in text
    assert str(audited.home / "mlartifacts") in text
