"""Making a pack: the same bytes for the same record, and nothing kept that does not verify."""

import json
import zipfile
from pathlib import Path

import pytest

from flows.cli import main as cli
from flows.pack import packing
from flows.pack.archive import with_manifest, write_archive
from flows.promotion.by_hand import roll_back
from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from tasks.contracts.errors import DigestMismatch
from tests.flows.audit_world import ERASED, World
from tests.flows.hands import candidate, desk, proves, started_by
from tests.flows.pack.packs import faults, lines, unpacked


def hallmark(capsys, *words: str, code: int = 0) -> dict:
    capsys.readouterr()
    assert cli.run((*words, "--json")) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as zipped:
        return set(zipped.namelist())


def test_a_version_packed_twice_makes_the_same_bytes_until_more_is_recorded_about_it(
        audited: World, capsys, tmp_path: Path) -> None:
    first = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "1.zip"))
    audited.ledger.append("run started", "anna", {"run": "another", "commit": "0" * 40})  # about something else
    again = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "2.zip"))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert first["sha256"] == again["sha256"]
    packed = [entry.payload for entry in audited.ledger.entries("packed")]
    assert [(one["name"], one["version"], one["archive"]) for one in packed] == [("policy", 5, first["sha256"])] * 2

    roll_back(desk(audited.root), None, proves, "it stutters")
    later = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "3.zip"))
    assert later["sha256"] != first["sha256"]
    folder = unpacked(tmp_path / "3.zip", tmp_path / "3")
    assert faults(folder, "--key", audited.ledger.keys().current) == []
    assert "taken back: it stutters" in (folder / "model-card.md").read_text()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 6])
def test_every_registered_version_can_be_packed_and_verifies(
        audited: World, capsys, tmp_path: Path, version: int) -> None:
    said = hallmark(capsys, "audit", "pack", str(version), "--out", str(tmp_path / "pack.zip"))
    folder = unpacked(tmp_path / "pack.zip", tmp_path / "pack")
    assert faults(folder, "--key", audited.ledger.keys().first) == []
    assert said["key"] == audited.ledger.keys().current
    assert said["verified"] is True
    assert not {name for name in names(tmp_path / "pack.zip") if name.startswith(("model/files/", "rows/s"))}
    assert "run/origins.parquet" not in names(tmp_path / "pack.zip")  # whose line each row was is for --rows


def test_the_whole_ledger_can_be_put_in_and_is_chained_from_its_first_entry_on(
        audited: World, capsys, tmp_path: Path) -> None:
    hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"), "--whole-ledger")
    folder = unpacked(tmp_path / "pack.zip", tmp_path / "pack")
    assert faults(folder, "--key", audited.ledger.keys().current) == []
    found = [line["entry"]["index"] for line in lines(folder / "ledger/entries.jsonl")]
    assert found == list(range(len(found)))
    about = [entry.index for entry in audited.ledger.entries() if entry.payload.get("version") == 5]
    assert found[-1] == about[-2]  # the last one tells of the pack; version 6 is none of this version's business


def test_the_pack_of_a_version_tells_that_a_row_was_forgotten_since(audited: World, capsys, tmp_path: Path) -> None:
    assert cli.run(("data", "forget", ERASED, "--reason", "asked by letter", "--yes", "--no-retrain")) == 0
    for version in (2, 5):
        hallmark(capsys, "audit", "pack", str(version), "--out", str(tmp_path / f"{version}.zip"))
        folder = unpacked(tmp_path / f"{version}.zip", tmp_path / str(version))
        assert faults(folder, "--key", audited.ledger.keys().current) == []
        told = next(line for line in (folder / "model-card.md").read_text().splitlines() if "forgotten since" in line)
        assert told.startswith("- Rows forgotten since, 1 of them, that had reached it: ")
        assert f"through reward model version {version}" in told
        kinds = [line["entry"]["kind"] for line in lines(folder / "ledger/entries.jsonl")]
        assert kinds.count("row forgotten") == kinds.count("erasure finished") == 1


def test_a_version_of_which_little_is_on_record_is_packed_and_says_so(workspace: Path, capsys, tmp_path: Path) -> None:
    run = started_by("carol", workspace)
    candidate(workspace, "one")
    evidence = json.loads((workspace / "build/evidence/evidence.json").read_text())
    evidence["metrics"][0] |= {"value": float("nan"), "low": float("-inf")}  # as of a loss that overflowed
    (workspace / "build/evidence/evidence.json").write_text(json.dumps(evidence))
    found = read_candidate(workspace)
    register(run, found, found.evidence, decide_on(run, found, found.evidence, None), [])
    hallmark(capsys, "audit", "pack", "1", "--out", str(tmp_path / "pack.zip"))
    folder = unpacked(tmp_path / "pack.zip", tmp_path / "pack")
    assert faults(folder, "--key", run.ledger.keys().current) == []
    card = (folder / "model-card.md").read_text()
    assert "| judge_score | low >= 0.5 | nothing | failed |" in card
    assert "Files: not recorded." in card
    assert (folder / "lineage/openlineage.jsonl").read_bytes() == b""


def test_after_a_rotation_the_pack_is_signed_by_the_new_key_and_the_old_one_leads_to_it(
        audited: World, capsys, tmp_path: Path) -> None:
    before = audited.ledger.keys().current
    audited.ledger.rotate_key("anna")
    hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"))
    folder = unpacked(tmp_path / "pack.zip", tmp_path / "pack")
    for key in (before, audited.ledger.keys().first, audited.ledger.keys().current):
        assert faults(folder, "--key", key) == []


def test_a_version_that_nobody_registered_is_misuse(audited: World, capsys, tmp_path: Path) -> None:
    said = hallmark(capsys, "audit", "pack", "77", "--out", str(tmp_path / "pack.zip"), code=2)
    assert "no version 77" in said["error"]
    assert not list(tmp_path.glob("*.zip*"))


def test_a_model_whose_bytes_were_changed_is_not_packed(audited: World, capsys, tmp_path: Path) -> None:
    for path in audited.home.rglob("model.safetensors"):
        path.chmod(0o644)
        path.write_text("another model")
    said = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"), code=1)
    assert "model.safetensors was changed" in said["error"]
    assert not list(tmp_path.glob("*.zip*"))


def test_a_kept_file_that_was_changed_is_not_packed(audited: World, capsys, tmp_path: Path) -> None:
    kept = next(entry.payload["files"]["params.yaml"] for entry in reversed(audited.ledger.entries("registered"))
                if entry.payload["version"] == 5)
    (audited.home / "files" / kept).write_text("seed: 1\n")
    said = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"), code=1)
    assert "was changed since it was kept" in said["error"]


def test_a_kept_file_that_is_gone_is_left_out_and_what_rests_on_it_is_not_recorded(
        audited: World, capsys, tmp_path: Path) -> None:
    files = next(entry.payload["files"] for entry in reversed(audited.ledger.entries("registered"))
                 if entry.payload["version"] == 5)
    for name in ("params.yaml", "build/checked/report.json"):
        (audited.home / "files" / files[name]).unlink()
    hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"))
    folder = unpacked(tmp_path / "pack.zip", tmp_path / "pack")
    assert faults(folder, "--key", audited.ledger.keys().current) == []
    assert "Algorithm: not recorded" in (folder / "model-card.md").read_text()
    assert not (folder / "data/croissant.json").exists()


def test_on_a_ledger_that_is_broken_nothing_is_packed(audited: World, capsys, tmp_path: Path) -> None:
    (audited.home / "ledger.head").unlink()
    said = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "pack.zip"), code=1)
    assert "LedgerBroken" in said["error"]


def test_what_cannot_be_written_is_misuse(audited: World, capsys, tmp_path: Path) -> None:
    said = hallmark(capsys, "audit", "pack", "5", "--out", str(tmp_path / "nowhere/pack.zip"), code=2)
    assert "cannot be written" in said["error"]


def test_a_pack_that_does_not_verify_is_not_kept(audited: World, tmp_path: Path) -> None:
    from tasks.records.signatures import load_key

    archive = tmp_path / "pack.zip"
    write_archive(with_manifest({"pack.json": b"{}"}, load_key(audited.home / "keys/ledger.pem")), archive)
    with pytest.raises(DigestMismatch, match="does not verify, so it was not kept"):
        packing.read_back(archive, audited.ledger.keys().first)
