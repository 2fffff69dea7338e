"""A receipt shows absence from the newest rows that a run read, also where the run registered no version."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.lineage.versions import registrations, told
from flows.promote import trusted_champion
from flows.promotion.decision import read_candidate
from flows.run import Run
from flows.running.stages import StageRun
from tasks.records.erasure_receipts import signed
from tasks.records.signatures import key_paths, load_key
from tests.flows.audit_data import lay_models, prepared
from tests.flows.audit_world import ERASED, HELD_OUT, World
from tests.flows.erasure.test_erasure import forget, hallmark, without_it
from tests.flows.hands import started_by

CHAMPION = ("of day 12", 0.8)  # what the models of version 5 say, and what its judge found


def same_policy(world: World) -> Run:
    """A run on what data/ holds now that comes to the champion's own bytes, ended as the flow ends it."""
    from flows.retrain import no_change, record_stages

    run = started_by("anna", world.root)
    prepared(world.root)
    lay_models(world.root, *CHAMPION)
    stages = [StageRun("evaluate", "ran", 1.0, None, None)]
    record_stages(run, stages)
    ending = no_change(run, read_candidate(world.root), trusted_champion(run), stages)
    assert ending is not None, "it came to other bytes than the champion's"
    run.record("run finished", outcome=ending.outcome, reason=ending.reason, candidate=ending.digest,
               version=ending.version)
    return run


def shown(capsys: pytest.CaptureFixture[str], world: World, out: Path, row: str, code: int = 0) -> dict[str, Any]:
    """What the receipt of a row shows to whoever has the key alone."""
    hallmark(capsys, "data", "receipt", row, "--out", str(out))
    return hallmark(capsys, "data", "check-receipt", str(out), "--key", world.ledger.keys().current, code=code)


def test_a_row_that_only_measured_is_proved_absent_by_a_run_that_changed_nothing(
    audited: World, capsys, tmp_path: Path
) -> None:
    forget(capsys, HELD_OUT)
    assert shown(capsys, audited, tmp_path / "early.json", HELD_OUT)["absent_from"] is None, "the twin: nothing ran yet"
    run = same_policy(audited)

    found = shown(capsys, audited, tmp_path / "receipt.json", HELD_OUT)["absent_from"]

    assert found | {"manifests": 0} == {
        "of": "run", "name": None, "version": None, "run": run.id, "outcome": "no change", "manifests": 0}
    index = json.loads((audited.root / "build/prepared/manifest.json").read_text())
    assert found["manifests"] == 1 + sum(not use.endswith(".prompts") for use in index["manifests"])
    assert cli.run(["data", "receipt", HELD_OUT]) == 0
    lines = capsys.readouterr().out
    assert f"row manifests of run {run.id}, which registered no version (its outcome: no change), each proved" in lines


def test_rows_that_a_run_without_a_version_read_are_missed_where_they_are_gone(audited: World, capsys) -> None:
    forget(capsys, HELD_OUT)
    run = same_policy(audited)
    entries = told(audited.ledger.entries())
    kept = {said["root"] for one in registrations(entries) for said in one.manifests.values()}
    finished = [entry for entry in entries if entry.kind == "stages finished"][-1]
    own = next(said["root"] for said in finished.payload["manifests"].values() if said["root"] not in kept)
    for path in (audited.home / "manifests").glob(f"{own}*"):
        path.unlink()
    found = hallmark(capsys, "audit", "reconcile", code=1)["findings"]
    lost = [one["name"] for one in found if one["where"] == "disk" and one["what"] == "deleted"]
    assert len(lost) == 1
    assert lost[0].startswith(f"manifests/{own} (rows of ")
    assert run.id in lost[0]


def test_of_a_version_and_a_run_the_later_one_shows_the_absence(audited: World, capsys, tmp_path: Path) -> None:
    forget(capsys, HELD_OUT)
    run = same_policy(audited)
    without_it(audited)
    assert shown(capsys, audited, tmp_path / "a.json", HELD_OUT)["absent_from"]["version"] == 7
    again = same_policy(audited)
    found = shown(capsys, audited, tmp_path / "b.json", HELD_OUT)["absent_from"]
    assert (found["run"], found["version"], run.id != again.id) == (again.id, None, True)


def test_a_run_from_before_the_erasure_or_one_that_has_not_ended_shows_nothing(
    audited: World, capsys, tmp_path: Path
) -> None:
    same_policy(audited)
    forget(capsys, HELD_OUT)
    assert shown(capsys, audited, tmp_path / "a.json", HELD_OUT)["absent_from"] is None
    from flows.retrain import record_stages

    prepared(audited.root)
    record_stages(started_by("anna", audited.root), [])
    assert shown(capsys, audited, tmp_path / "b.json", HELD_OUT)["absent_from"] is None


def test_what_a_receipt_says_of_a_run_is_held_against_the_ledger_also_under_a_new_signature(
    audited: World, capsys, tmp_path: Path
) -> None:
    same_policy(audited)
    forget(capsys, HELD_OUT)
    same_policy(audited)
    out, key = tmp_path / "receipt.json", load_key(key_paths(audited.home)[0])
    assert shown(capsys, audited, out, HELD_OUT)["absent_from"]
    whole = {name: value for name, value in json.loads(out.read_text()).items() if name != "signature"}
    said = whole["absence"]
    other = {**said["proofs"][0], "use": said["proofs"][1]["use"]}
    changes: list[dict[str, Any]] = [
        {"outcome": "promoted"}, {"run": "another"}, {"proofs": said["proofs"][1:]}, {"proofs": []},
        {"proofs": [other, *said["proofs"][1:]]}, {"entry": said["ended"]}, {"ended": said["entry"]}, {"of": "version"}]
    for change in changes:
        out.write_text(json.dumps(signed({**whole, "absence": said | change}, key)))
        refused = hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public, code=1)
        assert refused["error"].startswith("DigestMismatch"), change
    out.write_text(json.dumps(signed(whole, key)))
    assert hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public)["absent_from"], "the twin"


def test_a_receipt_of_an_earlier_release_still_checks(audited: World, capsys, tmp_path: Path) -> None:
    from tasks.contracts.canonical import canonical_json, sha256_hex
    from tasks.records.erasure_receipts import PURPOSE, SAYS
    from tasks.records.signatures import sign

    forget(capsys, ERASED)
    without_it(audited)
    said = hallmark(capsys, "data", "receipt", ERASED)
    key, out = load_key(key_paths(audited.home)[0]), tmp_path / "receipt.json"
    old = "hallmark erasure receipt 1"
    for text, code in ((SAYS[old], 0), (said["says"], 1)):
        whole = {name: value for name, value in said.items() if name not in ("sha256", "signature")}
        whole |= {"format": old, "says": text,
                  "absence": {name: value for name, value in said["absence"].items() if name != "of"}}
        whole["signature"] = sign(key, PURPOSE, sha256_hex(canonical_json(whole)))
        out.write_text(json.dumps(whole))
        found = hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public, code=code)
        assert found.get("absent_from", {"version": 7})["version"] == 7
