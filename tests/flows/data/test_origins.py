"""The origin of a row is kept with the registration, and told only from the bytes that the ledger names."""

import json
from pathlib import Path

import pytest

from flows.lineage.keeping import keep_copy, kept_file
from flows.lineage.origins import Origin, origin
from flows.lineage.versions import registration, told
from tasks.check_data import check_data
from tasks.contracts.canonical import file_sha256
from tasks.contracts.reporting import Silent
from tests.data.rows_on_disk import preferences, write_rows
from tests.flows.hands import started_by
from tests.flows.rows_on_record import recorded
from tests.test_check_data import params


@pytest.fixture
def version(workspace: Path):
    """A registered version whose data was checked: 20 comparisons, the first labelled by anna."""
    pairs = preferences(20)
    pairs[0]["annotator"] = "anna"
    write_rows(workspace / "data/pairs.jsonl", pairs)
    check_data(params({"path": "data/pairs.jsonl"}), Silent())
    run = started_by("carol", workspace)
    recorded(run, "one", {"preferences_train": ["pair"]})
    return registration(told(run.ledger.entries()), "policy", 1)


def rows(root: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (root / "build/checked/preferences.jsonl").read_text().splitlines()]


def test_a_row_leads_to_file_line_and_annotator_when_build_is_long_gone(workspace: Path, version) -> None:
    first, second, *_ = rows(workspace)
    digest = file_sha256("data/pairs.jsonl")
    (workspace / "build/checked/origins.parquet").unlink()
    (workspace / "build/checked/report.json").unlink()

    assert origin(workspace / ".hallmark", version, first) == Origin("data/pairs.jsonl", digest, 1, "anna")
    assert origin(workspace / ".hallmark", version, second) == Origin("data/pairs.jsonl", digest, 2, None)


def test_a_row_that_was_never_read_has_no_origin(workspace: Path, version) -> None:
    assert origin(workspace / ".hallmark", version, "0" * 64) is None


def test_origins_with_other_bytes_tell_nothing(workspace: Path, version) -> None:
    kept = kept_file(workspace / ".hallmark", version.files["build/checked/origins.parquet"])
    kept.write_bytes(kept.read_bytes() + b" ")

    assert origin(workspace / ".hallmark", version, rows(workspace)[0]) is None


def test_a_version_of_an_earlier_release_has_no_origins(workspace: Path, version) -> None:
    del version.files["build/checked/origins.parquet"]

    assert origin(workspace / ".hallmark", version, rows(workspace)[0]) is None


def test_a_kept_copy_lies_under_its_digest_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")

    first, second = keep_copy(tmp_path / "home", tmp_path / "a"), keep_copy(tmp_path / "home", tmp_path / "b")

    assert first == second == file_sha256(tmp_path / "a")
    assert [path.name for path in (tmp_path / "home/files").iterdir()] == [first]
