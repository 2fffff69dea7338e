"""Data is told once when it is other than before and stands still, whoever watched."""

import os
from pathlib import Path

from flows.data_watch import DataWatch, data_digest


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
