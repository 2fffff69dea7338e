"""Runs in a real MLflow on SQLite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.entities import Run

from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import Fault, ServiceUnreachable
from tasks.records.digests import RunDigests
from tasks.records.mlflow_store import connect, experiment_id, tracking_uri
from tasks.records.stage_run import flatten
from tasks.records.tracking import (
    child_run,
    close_parent,
    find_run,
    log_artifact,
    mark_made,
    open_parent,
    skipped_child,
)

DIGESTS = RunDigests(
    commit="c0" * 20, dirty=True, diff_sha256="d1" * 32, dvc_lock_sha256=None, params_sha256="aa" * 32,
    constraints_sha256="cc" * 32, hardware="Linux x86_64, a processor, 2 cores, no GPU")


def test_settings_become_flat_names():
    settings = {"seed": 1, "ppo": {"clip": 0.2, "deep": {"on": True}}, "base": {"path": None}, "phrases": ["a", "b"],
                "empty": {}, "text": "as it is"}
    assert flatten(settings) == {
        "seed": "1", "ppo.clip": "0.2", "ppo.deep.on": "true", "base.path": "null", "phrases": '["a","b"]',
        "empty": "{}", "text": "as it is"}


def test_a_retraining_is_a_parent_with_a_child_for_each_stage(mlflow_home, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    parent = open_parent("retrain", DIGESTS, {"seed": 1, "ppo": {"clip": 0.2}})
    with child_run("train_policy", parent) as stage:
        stage.log_params({"long": "x" * 7000, "strange/ké:y": 1})
        for step in range(1, 1201):
            stage.log_metrics(step, {"kl_nats": step / 100, "reward": -1.0})
        stage.log_artifact(rows, "plots")
        stage.log_input("rows", rows, "ab" * 32)
        stage.set_tags({"note": "y" * 9000})
    log_artifact(parent, rows)
    close_parent(parent, "FINISHED", "promoted")

    client = connect()
    top, child = client.get_run(parent), client.get_run(stage.run_id)
    assert (top.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert top.data.params == {"seed": "1", "ppo.clip": "0.2"}
    assert top.data.tags["hallmark.outcome"] == "promoted"
    assert top.data.tags["hallmark.commit"] == top.data.tags["mlflow.source.git.commit"] == DIGESTS.commit
    assert top.data.tags["hallmark.dirty"] == "true"
    assert top.data.tags["hallmark.diff_sha256"] == "d1" * 32
    assert "hallmark.dvc_lock_sha256" not in top.data.tags
    assert child.data.tags["mlflow.parentRunId"] == parent
    assert child.data.params["strange_k__y"] == "1"
    assert child.data.params["long"].endswith(sha256_hex(b"x" * 7000))
    assert len(child.data.params["long"]) == 6000
    assert len(child.data.tags["note"]) == 8000
    history = client.get_metric_history(stage.run_id, "kl_nats")
    assert sorted((metric.step, metric.value) for metric in history) == [(n, n / 100) for n in range(1, 1201)]
    assert child.inputs
    (read,) = child.inputs.dataset_inputs
    assert {tag.key: tag.value for tag in read.tags}["sha256"] == "ab" * 32
    assert [file.path for file in client.list_artifacts(stage.run_id, "plots")] == ["plots/rows.jsonl"]
    assert [file.path for file in client.list_artifacts(parent)] == ["rows.jsonl"]
    assert Path(client.get_run(parent).info.artifact_uri.removeprefix("file://")).is_relative_to(mlflow_home)


def stage_that_raises(error: type[BaseException]) -> Run:
    run_ids = []
    with pytest.raises(error), child_run("train_sft", None) as stage:  # noqa: PT012  what raises is the block itself
        run_ids.append(stage.run_id)
        stage.log_metrics(1, {"loss": float("nan")})
        mark_made(stage.run_id, "77" * 32)
        raise error
    return connect().get_run(run_ids[0])


def test_a_stage_that_breaks_is_failed_and_keeps_its_numbers(mlflow_home):
    broken, cancelled = stage_that_raises(RuntimeError), stage_that_raises(KeyboardInterrupt)
    assert (broken.info.status, cancelled.info.status) == ("FAILED", "KILLED")
    assert "loss" in broken.data.metrics


def test_closing_a_retraining_closes_the_stages_that_a_kill_left_open(mlflow_home):
    parent = open_parent("retrain", DIGESTS, {})
    left_open = connect().create_run(experiment_id(), tags={"mlflow.parentRunId": parent}).info.run_id
    of_another = connect().create_run(experiment_id(), tags={"mlflow.parentRunId": "other"}).info.run_id
    close_parent(parent, "FAILED", "crashed")
    statuses = [connect().get_run(run_id).info.status for run_id in (parent, left_open, of_another)]
    assert statuses == ["FAILED", "KILLED", "RUNNING"]


def test_a_skipped_stage_names_the_run_that_made_its_output(mlflow_home):
    lock = "10" * 32
    assert find_run(lock) is None
    for _ in range(2):
        with child_run("evaluate", None) as stage:
            pass
        mark_made(stage.run_id, lock)
    assert find_run(lock) == stage.run_id  # the latest
    stage_that_raises(RuntimeError)
    assert find_run("77" * 32) is None  # it never finished
    shown = connect().get_run(skipped_child("evaluate", "the parent", find_run(lock)))
    assert shown.info.status == "FINISHED"
    assert shown.data.tags["hallmark.made_by"] == stage.run_id
    assert stage.run_id in shown.data.tags["mlflow.note.content"]
    assert find_run(lock) == stage.run_id  # a skip is not a making
    unknown = connect().get_run(skipped_child("evaluate", None, None, outcome="restored"))
    assert "hallmark.made_by" not in unknown.data.tags
    assert unknown.data.tags["hallmark.outcome"] == "restored"


def test_a_run_that_mlflow_does_not_know_is_a_fault_in_our_words(mlflow_home):
    with pytest.raises(Fault, match="MLflow refused"):
        close_parent("0" * 32, "FINISHED")


def test_the_state_folder_says_where_the_database_lies_even_after_mlflow_was_used(mlflow_home, tmp_path, monkeypatch):
    connect()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path))
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tracking_uri() == "http://127.0.0.1:9"


def test_a_server_that_does_not_answer_is_said_to_be_unreachable(mlflow_home, tmp_path, monkeypatch):
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ServiceUnreachable, match="does not answer") as caught:
        connect()
    assert "secret" not in str(caught.value).partition("found")[0]


STAGE = """
import sys
from tasks.records.tracking import child_run
with child_run(sys.argv[1], None) as stage:
    stage.log_metrics(1, {"x": 1.0})
print(stage.run_id)
"""


def test_processes_that_meet_a_new_database_at_once_all_write_and_say_nothing(tmp_path):
    environment = {**os.environ, "HALLMARK_HOME": str(tmp_path)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    stages = [
        subprocess.Popen([sys.executable, "-c", STAGE, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=environment)
        for name in ("a", "b", "c")]
    answers = [stage.communicate(timeout=120) for stage in stages]
    assert [errors for _, errors in answers] == ["", "", ""]
    assert len({output for output, _ in answers}) == 3
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")) == ["mlflow.db"]
