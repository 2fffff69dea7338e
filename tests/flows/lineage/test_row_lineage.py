"""Which rows made a version, and which versions saw a row: through the real registration, promotion and commands."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.lineage.keeping import refused_report
from flows.promotion.by_hand import promote_version, roll_back
from flows.run import Run
from tasks.contracts.canonical import row_id
from tasks.records.ledger import Ledger
from tests.flows.hands import decided, desk, proves, started_by
from tests.flows.rows_on_record import recorded, row

FIRST = {
    "text_train": ["text"], "tokenizer": ["text", "demo", "pair", "spare"], "sft_train": ["demo"],
    "sft_validation": ["demo held"], "preferences_train": ["pair"], "preferences_validation": ["pair held"],
    "preferences_test": ["pair asked"], "prompts_train": ["demo", "asked"], "prompts_validation": ["demo held"],
    "prompts_test": ["test"], "prompts_train.prompts": ["how"], "prompts_test.prompts": ["why"]}
SECOND = FIRST | {"preferences_train": ["pair", "pair new"], "prompts_train": ["demo"]}


def hallmark(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The --json answer of a command that must end with this exit code."""
    capsys.readouterr()
    assert cli.run((*words, "--json")) == code, capsys.readouterr()
    return dict(json.loads(capsys.readouterr().out))


def without_approvals(root: Path) -> Run:
    settings = root / "params.yaml"
    settings.write_text(settings.read_text().replace("approvals: 1", "approvals: 0"))
    return started_by("carol", root)


@pytest.fixture
def run(workspace: Path) -> Run:
    return without_approvals(workspace)


@pytest.fixture(scope="module")
def lived(template: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 was promoted, 2 was promoted over it and rolled back, 3 was refused by the gate."""
    root = tmp_path_factory.mktemp("lived") / "workspace"
    shutil.copytree(template, root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
        run = without_approvals(root)
        first = recorded(run, "one", FIRST)
        promote_version(desk(root), first.version, proves)
        second = recorded(run, "two", SECOND)
        promote_version(desk(root), second.version, proves)
        recorded(run, "three", SECOND | {"sft_train": ["demo", "bad"]}, low=0.1)
        roll_back(desk(root), None, proves, "it is rude")
    return root


@dataclass(frozen=True)
class World:
    root: Path
    home: Path
    ledger: Ledger


@pytest.fixture
def world(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of its own for each test."""
    root = tmp_path / "lived"
    shutil.copytree(lived, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
    return World(root, root / ".hallmark", Ledger(root / ".hallmark"))


def seen(answer: dict[str, Any]) -> dict[tuple[str, int], str]:
    return {(one["name"], one["version"]): one["through"] for one in answer["model_versions"]}


def test_the_rows_that_trained_a_version_are_listed_use_by_use(world: World, capsys) -> None:
    said = hallmark(capsys, "audit", "rows", "2")
    listed = {one["use"]: one["row"] for one in said["stages"]}
    assert listed["preferences_train"] == sorted([row("pair"), row("pair new")])
    assert listed["prompts_train"] == [row("demo")]
    assert row("bad") not in listed["prepare_data"]
    assert row("pair new") in listed["prepare_data"]
    assert said["row"] == listed["prepare_data"]
    assert hallmark(capsys, "audit", "rows", "2", "--use", "prompts_train")["row"] == [row("demo")]


def test_a_row_that_a_reward_model_saw_was_seen_by_the_policy_trained_on_it(world: World, capsys) -> None:
    said = hallmark(capsys, "audit", "who-saw", row("pair new"))
    assert seen(said) == {
        ("reward-model", 2): "trained on it", ("policy", 2): "through reward model version 2",
        ("reward-model", 3): "trained on it", ("policy", 3): "through reward model version 3"}
    assert len(said["data_versions"]) == 2
    assert said["aliases"] == []  # version 2 was rolled back, version 3 was refused


@pytest.mark.parametrize(("name", "policy", "reward_model"), [
    ("demo", "trained on it; through the SFT model; through the tokenizer",
     "through the SFT model; through the tokenizer"),
    ("asked", "trained on it", None),
    ("text", "through the base model; through the tokenizer", "through the base model; through the tokenizer"),
    ("pair", "through reward model version 1; through the tokenizer", "trained on it; through the tokenizer"),
    ("spare", "through the tokenizer", "through the tokenizer"), ("test", "measured on it only", None),
    ("pair asked", "measured on it only", "measured on it only"),
    ("demo held", "measured on it only", "measured on it only")])
def test_how_a_row_reached_a_version_is_said_in_words(world: World, capsys, name, policy, reward_model) -> None:
    said = hallmark(capsys, "audit", "who-saw", row(name))
    assert (seen(said).get(("policy", 1)), seen(said).get(("reward-model", 1))) == (policy, reward_model)


def test_the_champion_saw_what_its_own_version_saw(world: World, capsys) -> None:
    assert hallmark(capsys, "audit", "who-saw", row("asked"))["aliases"] == ["champion"]


def test_a_row_that_nobody_saw_is_an_answer(world: World, capsys) -> None:
    said = hallmark(capsys, "audit", "who-saw", "ab" * 32)
    assert (said["row"], said["known"], said["model_versions"], said["data_versions"]) == ("ab" * 32, False, [], [])
    assert cli.run(["audit", "who-saw", "ab" * 32]) == 0
    assert "is in no version of the data" in capsys.readouterr().out


def test_a_row_goes_by_its_first_characters_where_they_name_one(world: World, capsys) -> None:
    assert hallmark(capsys, "audit", "who-saw", row("pair new")[:9])["row"] == row("pair new")
    for wrong in (row("pair new")[:7], "0123456789", "not hex at all"):
        assert "wanted" in hallmark(capsys, "audit", "who-saw", wrong, code=2)["error"]


def test_a_row_goes_by_its_text(world: World, capsys, tmp_path: Path) -> None:
    demo = {"prompt": "how", "response": "so"}
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n{"response": "so", "prompt": "how", "extra": 1}\n')
    assert hallmark(capsys, "audit", "who-saw", "--file", str(file), "--line", "2")["row"] == row_id(demo)
    assert "no such line" in hallmark(capsys, "audit", "who-saw", "--file", str(file), "--line", "3", code=2)["error"]
    assert "which row" in hallmark(capsys, "audit", "who-saw", code=2)["error"]


def test_a_version_from_before_manifests_were_kept_is_not_recorded_and_no_absence(run: Run, capsys) -> None:
    decided(run, "old")
    recorded(run, "new", FIRST)
    said = hallmark(capsys, "audit", "who-saw", row("demo"))
    assert {"name": "policy", "version": 1} in said["not_recorded"]
    assert [one["version"] for one in said["model_versions"]] == [2, 2]
    assert "no row manifest was recorded" in hallmark(capsys, "audit", "rows", "1", code=1)["error"]


def test_a_manifest_that_is_gone_or_changed_is_no_absence(world: World, capsys) -> None:
    for path in (world.home / "manifests").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    said = hallmark(capsys, "audit", "who-saw", row("demo"), code=1)
    assert said["unreadable"]
    assert "no whole number of ids" in hallmark(capsys, "audit", "rows", "1", code=1)["error"]


def test_a_manifest_with_one_row_exchanged_is_found_by_rows_and_proofs(world: World, capsys, tmp_path: Path) -> None:
    said = hallmark(capsys, "audit", "rows", "1")
    root = next(one["root"] for one in said["stages"] if one["use"] == "prepare_data")
    path = world.home / "manifests" / root
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    assert "lists other rows" in hallmark(capsys, "audit", "rows", "1", code=1)["error"]
    out = str(tmp_path / "proof")
    assert "lists other rows" in hallmark(
        capsys, "audit", "prove-row", row("demo"), "--version", "1", "--out", out, code=1)["error"]


@pytest.mark.parametrize(("name", "present"), [("demo", True), ("nobody", False), ("pair new", False)])
def test_presence_and_absence_are_proved_to_somebody_without_the_installation(
    world: World, capsys, tmp_path: Path, monkeypatch, name: str, present: bool
) -> None:
    out = tmp_path / "proof.json"
    made = hallmark(capsys, "audit", "prove-row", row(name), "--version", "1", "--out", str(out))
    assert made["present"] is present
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path / "nothing"))
    said = hallmark(capsys, "audit", "check-row", str(out), "--bundle", made["bundle"])
    assert (said["row"], said["present"], said["use"]) == (row(name), present, "prepare_data")
    assert "another evidence bundle" in hallmark(
        capsys, "audit", "check-row", str(out), "--bundle", "ab" * 32, code=1)["error"]
    proof = json.loads(out.read_text())
    out.write_text(json.dumps(proof | {"present": not present}))
    assert "does not show" in hallmark(capsys, "audit", "check-row", str(out), code=1)["error"]


def test_evaluation_prompts_that_leaked_into_training_are_named(run: Run, capsys) -> None:
    recorded(run, "clean", FIRST)
    recorded(run, "leaky", FIRST | {"prompts_test.prompts": ["why", "how"], "preferences_test": ["pair"]})
    clean = hallmark(capsys, "audit", "leaks", "1")
    assert clean["leaks"] == []
    assert "prompts_test.prompts and prompts_train.prompts" in clean["compared"]
    found = {(one["measured"], one["trained"]): one["ids"] for one in
             hallmark(capsys, "audit", "leaks", "2", code=1)["leaks"]}
    assert found == {("prompts_test.prompts", "prompts_train.prompts"): [row("how")],
                     ("preferences_test", "preferences_train"): [row("pair")],
                     ("preferences_test", "tokenizer"): [row("pair")]}


def test_what_a_registration_kept_is_in_its_signed_bundle(world: World) -> None:
    entries = world.ledger.entries("registered")
    payload: dict[str, Any] = next(one.payload for one in entries if one.payload["name"] == "policy")
    bundle = json.loads((world.home / "bundles" / f"{payload['bundle']}.json").read_text())
    said = payload["manifests"]
    assert bundle["manifest_roots"] == {use: one["root"] for use, one in said.items()}
    assert bundle["manifest_rows"] == {use: one["rows"] for use, one in said.items()}
    assert (said["sft_train"]["rows"], said["prepare_data"]["rows"]) == (1, 9)
    kept = world.home / "files" / payload["files"]["params.yaml"]
    assert kept.read_bytes() == (world.root / "params.yaml").read_bytes()


def test_what_was_refused_or_taken_back_is_listed_with_its_reason(world: World, capsys) -> None:
    said = hallmark(capsys, "audit", "refused")["refused"]
    assert [(one["what"], one["version"]) for one in said] == [("refused by the gate", 3), ("taken back", 2)]
    assert said[0]["why"] == (
        "judge_score wanted low >= 0.5, found 0.1 [0.1, 0.3]: the low end of judge_score is 0.1, below 0.5: "
        "the judge is not pleased")
    assert said[1]["why"] == "it is rude"
    assert world.ledger.entries()[said[0]["entry"]].kind == "gate decided"
    assert cli.run(["audit", "refused"]) == 0
    assert "version 2 taken back: it is rude" in capsys.readouterr().out


def test_data_that_were_refused_are_listed_with_the_stage_that_refused_them(run: Run, capsys) -> None:
    run.record("stage failed", stage="check_data", error="DataRefused")
    run.record("run finished", outcome="refused", reason="DataRefused", candidate=None, version=None)
    (one,) = hallmark(capsys, "audit", "refused")["refused"]
    assert (one["what"], one["why"], one["version"]) == ("refused by check_data", "DataRefused", None)


def test_data_that_were_refused_are_listed_with_the_errors_of_the_kept_report(run: Run, capsys) -> None:
    (run.root / "build/checked").mkdir(parents=True)
    (run.root / "build/checked/report.json").write_text('{"errors": ["data/x.jsonl: too many rows are refused"]}')
    kept = refused_report(run, "check_data")
    run.record("stage failed", stage="check_data", error="DataRefused", **kept)
    run.record("run finished", outcome="refused", reason="DataRefused", candidate=None, version=None)
    assert hallmark(capsys, "audit", "refused")["refused"][0]["why"] == "data/x.jsonl: too many rows are refused"
    (run.home / "files" / kept["report"]).write_text("changed")
    assert hallmark(capsys, "audit", "refused")["refused"][0]["why"] == "DataRefused"
    assert refused_report(run, "train_sft") == {}


def test_the_command_reads_json_from_stdin(world: World) -> None:
    text = '{"prompt": "how", "response": "so"}'
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hallmark")), "audit", "who-saw", "-", "--json"], cwd=world.root,
        input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["row"] == row_id({"prompt": "how", "response": "so"})
