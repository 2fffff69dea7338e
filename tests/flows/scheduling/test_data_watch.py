"""Data is told once when it is other than before and stands still, whoever watched."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.scheduling.data_watch import DataWatch, data_digest
from tasks.records.ledger import Ledger


def write(root: Path, name: str, text: str) -> None:
    (root / "data" / name).parent.mkdir(parents=True, exist_ok=True)
    (root / "data" / name).write_text(text)


def looks(watch: DataWatch, number: int) -> list[str]:
    """What is told in some looks, each remembered as told."""
    told = []
    for _ in range(number):
        digest = watch.look()
        if digest is not None:
            watch.remember(digest)
            told.append(digest)
    return told


def test_data_is_told_once_and_a_change_once(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "one")
    watch = DataWatch(tmp_path, tmp_path / "home")
    first = looks(watch, 4)
    write(tmp_path, "a.jsonl", "other")
    second = looks(watch, 4)

    assert (len(first), len(second), first == second) == (1, 1, False)


def test_what_is_still_being_written_is_told_when_it_stands_still(tmp_path: Path) -> None:
    watch = DataWatch(tmp_path, tmp_path / "home")
    for size in (1, 2, 3):
        write(tmp_path, "a.jsonl", "x" * size)
        assert watch.look() is None

    assert watch.look() == data_digest(tmp_path)


def test_what_nobody_heard_is_told_again(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "one")
    watch = DataWatch(tmp_path, tmp_path / "home")

    assert watch.look() is None
    assert watch.look() == watch.look() == data_digest(tmp_path)


def test_after_a_restart_only_what_changed_meanwhile_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "one")
    assert len(looks(DataWatch(tmp_path, tmp_path / "home"), 3)) == 1

    assert looks(DataWatch(tmp_path, tmp_path / "home"), 3) == []
    write(tmp_path, "b.jsonl", "two")
    assert looks(DataWatch(tmp_path, tmp_path / "home"), 3) == [data_digest(tmp_path)]


def test_the_digest_is_of_names_and_contents_and_not_of_times(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "one")
    before = data_digest(tmp_path)
    os.utime(tmp_path / "data/a.jsonl", (1, 1))
    assert data_digest(tmp_path) == before

    (tmp_path / "data/a.jsonl").rename(tmp_path / "data/b.jsonl")
    assert data_digest(tmp_path) != before


def test_a_touched_file_is_looked_at_again_and_not_told(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "one")
    watch = DataWatch(tmp_path, tmp_path / "home")
    looks(watch, 3)
    os.utime(tmp_path / "data/a.jsonl", (1, 1))

    assert looks(watch, 3) == []


def test_data_that_only_data_dvc_names_counts_by_it(tmp_path: Path) -> None:
    assert data_digest(tmp_path) is None
    (tmp_path / "data.dvc").write_text("outs: []")

    assert looks(DataWatch(tmp_path, tmp_path / "home"), 3) == [data_digest(tmp_path)]


def ledger_of(home: Path, *entries: tuple[str, dict[str, Any], timedelta]) -> Ledger:
    """A ledger whose entries were written that long from now."""
    for kind, payload, later in entries:
        Ledger(home, clock=lambda later=later: datetime.now(UTC) + later).append(kind, "t", payload)
    return Ledger(home)


STARTED, FINISHED = ("run started", {"run": "a"}), ("run finished", {"run": "a", "outcome": "no change"})
CRASHED = ("run finished", {"run": "a", "outcome": "crashed"})
SOON, AGO = timedelta(seconds=5), timedelta(seconds=-60)


@pytest.mark.parametrize(("entries", "again"), [
    ([], True),
    ([(*STARTED, SOON)], True),
    ([(*STARTED, SOON), (*CRASHED, SOON)], True),
    ([(*STARTED, AGO), (*FINISHED, SOON)], True),  # it began before, and may have read the data of then
    ([(*STARTED, SOON), (*FINISHED, SOON)], False),
])
def test_what_was_told_and_came_to_no_end_is_told_again_after_a_restart(
    tmp_path: Path, entries: list[Any], again: bool
) -> None:
    write(tmp_path, "a.jsonl", "one")
    looks(DataWatch(tmp_path, tmp_path / "home"), 3)

    restarted = DataWatch(tmp_path, tmp_path / "home")
    restarted.tell_again_unless_heard(ledger_of(tmp_path / "home", *entries).entries())

    assert bool(looks(restarted, 3)) is again


def test_nothing_was_told_and_there_is_nothing_to_forget(tmp_path: Path) -> None:
    DataWatch(tmp_path, tmp_path / "home").tell_again_unless_heard([])
