"""Bytes that are gone: the answer names the erasure or the gc that took them, and nothing where nobody did."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from flows.lineage.versions import Registration, Told
from flows.rebuild.deleted import RESTORE, why_gone
from flows.rebuild.inputs import Stores, bring_data
from tasks.contracts.errors import Refused
from tasks.records.manifest_store import ManifestStore
from tasks.records.manifests import root_of

FOLDER, OUTPUT = "a" * 32 + ".dir", "b" * 32
ROWS = [f"{number:064x}" for number in range(1, 9)]


def entry(index: int, kind: str, **payload: Any) -> Told:
    return Told(index, f"2026-01-{index + 1:02}T03:00:00.000000Z", kind, "anna", "", payload)


def began(index: int, row: str) -> Told:
    return entry(index, "row forgotten", run=f"forget-{row[-1]}", rows=[row], reason="asked")


def ended(index: int, row: str, before: int | None = None, **deleted: list[str]) -> Told:
    return entry(index, "erasure finished", run=f"forget-{row[-1]}", rows=[row], data_before=before, deleted=deleted)


@pytest.fixture
def store(tmp_path: Path) -> ManifestStore:
    """It has the manifest of a version that read the first seven rows."""
    found = ManifestStore(tmp_path)
    ids = [bytes.fromhex(row) for row in ROWS[:7]]
    found.put_whole(root_of(ids), b"".join(ids))
    return found


def version(root: str | None = None) -> Registration:
    ids = [bytes.fromhex(row) for row in ROWS[:7]]
    return Registration("policy", 1, "d" * 64, "e" * 64, "run", "promote", 0, "", {
        "prepare_data": {"root": root or root_of(ids), "rows": 7}}, {})


def test_an_output_or_a_data_version_that_an_erasure_deleted_is_said_to_be_so(store: ManifestStore) -> None:
    entries = [began(3, ROWS[0]), ended(4, ROWS[0], cache=[OUTPUT, FOLDER], far=[])]
    for path, digest in (("build/prepared", OUTPUT), ("data", FOLDER)):
        assert why_gone(entries, store, version(), path, digest) == (
            "They were deleted on purpose: ledger entry 4, 2026-01-05T03:00Z, the erasure of 1 row(s).")
    assert why_gone(entries, store, version(), "build/policy", "c" * 32) == RESTORE, "the twin: nobody deleted that"


def test_data_that_were_gone_before_the_erasure_came_to_them_are_known_by_the_rows_of_the_version(
    store: ManifestStore
) -> None:
    entries = [began(3, ROWS[7]), ended(4, ROWS[7], before=9), began(5, ROWS[2]), ended(6, ROWS[2], before=9)]
    for digest in (FOLDER, "unknown", ""):
        assert "ledger entry 6, 2026-01-07" in why_gone(entries, store, version(), "data", digest)
    assert "ledger entry 6, 2026-01-07" in why_gone(entries, store, version(), "data/rows.txt", "c" * 32)
    assert why_gone(entries[:2], store, version(), "data", FOLDER) == RESTORE, "it never read row 8"
    assert why_gone(entries, store, version(), "build/prepared", OUTPUT) == RESTORE, "an erasure lists its objects"
    assert why_gone(entries, store, version("f" * 64), "data", FOLDER) == RESTORE, "its manifest is gone"


def test_data_of_an_erasure_that_has_not_ended_are_named_by_its_beginning(store: ManifestStore) -> None:
    said = why_gone([began(3, ROWS[2])], store, version(), "data", FOLDER)
    assert said == (
        "They were deleted on purpose: ledger entry 3, 2026-01-04T03:00Z, the erasure of 1 row(s), which has not "
        "ended.")


def test_data_that_an_erasure_began_with_and_objects_of_a_gc_are_named(store: ManifestStore) -> None:
    named = entry(1, "data version", version=2, data=FOLDER)
    assert "entry 4" in why_gone([named, ended(4, ROWS[7], before=2)], store, version(), "data", FOLDER)
    assert why_gone([named, ended(4, ROWS[7], before=3)], store, version(), "data", FOLDER) == RESTORE
    gc = entry(5, "deleted", what="dvc object", ids=[OUTPUT], reason="dvc gc removed it")
    assert why_gone([gc], store, version(), "build/sft", OUTPUT) == (
        "They were deleted on purpose: ledger entry 5, 2026-01-06T03:00Z: dvc gc removed it.")


def test_data_of_which_a_stage_read_but_a_part_are_named_by_what_data_dvc_says(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    (root / "data/rows.txt").write_text("one two")
    for words in (("git", "init", "-q"), (sys.executable, "-m", "dvc", "init", "-q")):
        subprocess.run(words, cwd=root, check=True)
    with Repo(str(root)) as repo:
        repo.add(str(root / "data"))
    named = (root / "data.dvc").read_text().partition("md5: ")[2].split()[0]
    (root / "data/rows.txt").unlink()
    (root / "data").rmdir()
    with pytest.raises(Refused, match=rf"wanted md5 {named}"):
        bring_data(root, Stores(tmp_path / "empty", {}), {"data/rows.txt": "c" * 32})
