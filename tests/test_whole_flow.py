"""The whole flow on a tiny setting: every stage, joint and tool for real, in a workspace of its own."""

import json
from pathlib import Path

import pytest

from tasks.contracts.canonical import folder_digest
from tests.workspaces import commit, copy_of, demo_rows, hallmark

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, repository: Path) -> Path:
    """A workspace in which one retraining has run."""
    settings = repository / "tests/confs/valid/tiny.yaml"
    root = copy_of(repository, tmp_path_factory.mktemp("flow") / "workspace", settings)
    demo_rows(root, repository / "data", 300)
    commit(root)
    said = hallmark(root, "retrain")
    (root / "said.txt").write_text(said.stdout + said.stderr)
    return root


def answer(root: Path, *words: str, expect: int = 0) -> dict:
    return json.loads(hallmark(root, *words, "--json", expect=expect).stdout)


def kinds(root: Path) -> list[str]:
    from tasks.records.ledger import Ledger

    return [entry.kind for entry in Ledger(root / ".hallmark").entries()]


def test_the_first_candidate_that_passes_is_champion(workspace):
    status = answer(workspace, "status")
    assert status["last_run"]["outcome"] == "promoted"
    assert status["champion"]["version"] == 1
    assert status["champion"]["digest"] == folder_digest(workspace / "build/policy")


def test_the_ledger_has_every_step_before_it_was_acted_on_and_verifies(workspace):
    found = kinds(workspace)
    order = ["run started", "gate decided", "registering", "registered", "promoting", "promoted", "run finished"]
    places = [found.index(kind) for kind in order]
    assert places == sorted(places)
    assert answer(workspace, "audit", "verify") == {"ok": True, "entries": len(found), "broken": None}


def test_the_gate_shows_what_it_found(workspace):
    said = answer(workspace, "gate", "1")
    assert said["verdict"] == "promote"
    assert {finding["metric"] for finding in said["findings"]} == {"kl_nats", "reward_model_accuracy"}
    assert all(finding["passed"] and finding["low"] <= finding["found"] <= finding["high"]
               for finding in said["findings"])


def test_mlflow_shows_one_run_a_stage_below_the_retraining(workspace, monkeypatch):
    monkeypatch.setenv("HALLMARK_HOME", str(workspace / ".hallmark"))
    from tasks.records.mlflow_store import connect, experiment_id

    runs = connect().search_runs([experiment_id()])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert {"check_data", "prepare_data", "pretrain", "train_sft", "train_reward", "train_policy", "evaluate"} <= {
        run.info.run_name for run in children}
    policy = next(run for run in children if run.info.run_name == "train_policy")
    assert len(connect().get_metric_history(policy.info.run_id, "reward")) == 2  # one an update
    assert policy.data.params["ppo.updates"] == "2"


def test_the_report_is_one_file_with_the_run_in_it(workspace):
    page = (workspace / "build/reports/index.html").read_text(encoding="utf-8")
    assert "Reward model" in page
    assert answer(workspace, "status")["champion"]["digest"][:12] in page
    assert "<svg" in page


def test_a_second_run_trains_nothing_and_says_so(workspace):
    made = {path: path.stat().st_mtime_ns for path in (workspace / "build/policy").iterdir()}
    said = hallmark(workspace, "retrain")
    assert "no change" in said.stdout + said.stderr
    assert {path: path.stat().st_mtime_ns for path in (workspace / "build/policy").iterdir()} == made
    assert answer(workspace, "status")["last_run"]["outcome"] == "no change"


def test_an_lstm_goes_the_same_way_and_a_rule_that_cannot_hold_refuses_it(workspace):
    settings = workspace / "params.yaml"
    settings.write_text(settings.read_text().replace(
        "    - {metric: reward_model_accuracy, at_least: 0.1,", "    - {metric: reward_model_accuracy, at_least: 1.1,"))
    before = answer(workspace, "status")["champion"]
    said = hallmark(workspace, "retrain", "--set", "base.kind=lstm", expect=1)
    assert "reward_model_accuracy wanted" in said.stdout + said.stderr
    status = answer(workspace, "status")
    assert status["last_run"]["outcome"] == "refused"
    assert status["champion"] == before
    assert folder_digest(workspace / "build/policy") != before["digest"]
    assert "LSTM" in json.loads((workspace / "build/policy/config.json").read_text())["architectures"][0].upper()
    assert answer(workspace, "audit", "verify")["ok"]
