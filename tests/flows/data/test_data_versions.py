"""The ledger names each state of the data once, by what DVC calls it, with its sheet."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.data import versions as data_versions
from flows.data.versions import data_in_lock, folder_md5, named, read_by, record, sheet_of
from flows.desk import Desk
from flows.lineage.keeping import keep_file, kept_file
from flows.lineage.versions import Registration
from tasks.check_data import check_data
from tasks.contracts.canonical import file_sha256
from tasks.contracts.errors import DataRefused
from tasks.contracts.reporting import Silent
from tests.data.rows_on_disk import demonstrations, preferences, write_rows
from tests.flows.hands import desk
from tests.flows.laid_data import data_md5, dvc_add, lay_data


@pytest.fixture
def clerk(workspace: Path) -> Desk:
    """Somebody at a workspace with two sources under DVC: 20 comparisons and 30 demonstrations."""
    lay_data(workspace)
    return desk(workspace)


def entries(clerk: Desk) -> list:
    return clerk.ledger.entries_of(["data version"])


def registered(files: Mapping[str, str]) -> Registration:
    return Registration("policy", 1, "d", "b", "r", "promote", 0, "t", {}, files)


def test_the_first_version_names_the_bytes_the_rows_and_where_they_came_from(clerk: Desk) -> None:
    md5 = data_md5(clerk.root)

    first = record(clerk, "added")

    assert first is not None
    assert entries(clerk)[0].payload == {
        "run": clerk.id, "version": 1, "data": md5, "parent": None, "why": "added", "rows": {"accepted": 50},
        "files": {name: file_sha256(name) for name in ("data/pairs.jsonl", "data/sft.jsonl")}, "sheet": first.sheet,
        "origins": first.origins, "tracked": True}
    sheet = sheet_of(clerk.home, first)
    assert sheet is not None
    assert sheet["sources"][0] == {
        "path": "data/pairs.jsonl", "sha256": file_sha256("data/pairs.jsonl"), "kind": "preferences", "split": "train",
        "rows": 20, "licence": "CC-BY-4.0", "consent": "given", "source": "help desk", "guideline": "2",
        "collected": "2026-10", "collected_by": "the desk"}
    assert {sheet["sources"][1][name] for name in ("licence", "consent", "source", "guideline")} == {"not recorded"}


def test_the_same_data_is_recorded_once_and_other_data_as_the_next_version(clerk: Desk) -> None:
    first, again = record(clerk, "added"), record(clerk, "seen by a run")
    write_rows(clerk.root / "data/sft.jsonl", demonstrations(29))
    second = record(clerk, "rows forgotten")

    assert first == again
    assert second is not None
    assert not second.tracked  # nobody gave it to DVC
    assert (second.version, second.parent, second.why, second.accepted) == (2, 1, "rows forgotten", 49)
    assert len(entries(clerk)) == 2


def test_the_name_is_the_one_that_dvc_gives_also_in_folders_below(clerk: Desk) -> None:
    (clerk.root / "data/b").mkdir()
    (clerk.root / "data/b/é.txt").write_text("x")
    (clerk.root / "data/b.txt").write_text("y")
    forgotten = folder_md5(clerk.root)

    assert forgotten == dvc_add(clerk.root)


def test_data_that_dvc_does_not_own_is_no_version(clerk: Desk) -> None:
    (clerk.root / "data.dvc").unlink()

    assert record(clerk, "added") is None
    assert not entries(clerk)


def test_no_row_of_a_refused_source_counts(clerk: Desk) -> None:
    write_rows(clerk.root / "data/sft.jsonl", demonstrations(9))  # the minimum is 10

    found = record(clerk, "seen by a run")

    assert found is not None
    assert found.accepted == 20


def test_what_check_data_left_is_believed_for_the_bytes_that_it_read_alone(clerk: Desk) -> None:
    check_data(clerk.params, Silent())
    report = clerk.root / "build/checked/report.json"
    said = json.loads(report.read_text())
    said["sources"][0]["rows_accepted"] = 7
    report.write_text(json.dumps(said))
    first = record(clerk, "added")
    write_rows(clerk.root / "data/sft.jsonl", demonstrations(28))
    second = record(clerk, "added")

    assert first is not None
    assert second is not None
    assert (first.accepted, second.accepted) == (37, 48)


def test_the_sheet_says_how_lengths_and_labels_are_spread_and_keeps_the_ids(clerk: Desk) -> None:
    pairs = [row | {"chosen": "c" * (number + 1), "rejected": "r" * 10, "annotator": "ab"[number % 2]}
             for number, row in enumerate(preferences(20))]
    pairs[0]["margin"] = 2
    write_rows(clerk.root / "data/pairs.jsonl", pairs)
    found = record(clerk, "added")
    assert found is not None
    sheet = sheet_of(clerk.home, found)
    assert sheet is not None

    said = sheet["distributions"]["preferences"]
    assert (said["rows"], said["splits"]) == (20, {"train": 20})
    # lengths 1 to 20: the 1st, 10th and 19th of 20 are the first with 5 %, 50 % and 95 % of them up to them
    assert said["characters"]["chosen"] == {"p05": 1, "p50": 10, "p95": 19, "mean": 10.5}
    assert said["labels"] == {
        "longer_is_chosen": 0.5, "with_margin": 1, "mean_margin": 2.0, "with_annotator": 20, "annotators": 2}
    assert pq.ParquetFile(kept_file(clerk.home, sheet["origins"])).metadata.num_rows == 50


@pytest.mark.usefixtures("prefect_server")
def test_a_run_records_the_data_that_it_reads_once_and_refused_data_too(clerk: Desk) -> None:
    from flows.retrain import retrain

    retrain()
    retrain()
    write_rows(clerk.root / "data/sft.jsonl", demonstrations(29))
    (clerk.root / "rows.txt").write_text("refuse")
    with pytest.raises(DataRefused):
        retrain()

    assert [(one.payload["version"], one.payload["why"]) for one in entries(clerk)] == [
        (1, "seen by a run"), (2, "seen by a run")]


def test_a_lock_and_a_registration_lead_to_the_version_that_was_read(clerk: Desk) -> None:
    first = record(clerk, "added")
    assert first is not None
    lock = ("schema: '2.0'\nstages:\n  check_data:\n    deps:\n    - path: data\n      md5: "
            f"{first.data}\n    outs:\n    - path: build/checked\n      md5: aa.dir\n")
    digest = keep_file(clerk.home, lock.encode())
    known = data_versions.data_versions(clerk.ledger.entries())

    assert data_in_lock(lock) == first.data
    assert data_in_lock("schema: '2.0'\n") is None
    assert named(known, first.data.removesuffix(".dir")) == first
    assert named(known, "0" * 32 + ".dir") is None
    assert read_by(clerk.home, known, registered({"dvc.lock": digest})) == first
    assert read_by(clerk.home, known, registered({})) is None


def test_a_sheet_with_other_bytes_is_none(clerk: Desk) -> None:
    first = record(clerk, "added")
    assert first is not None
    (clerk.home / "files" / first.sheet).write_text("{}")

    assert sheet_of(clerk.home, first) is None
