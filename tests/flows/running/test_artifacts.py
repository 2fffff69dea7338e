"""What Prefect's pages show of a run, read back from a real server; and a run goes on where Prefect takes nothing."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from flows.running.artifacts import in_words, show_decision, show_places
from flows.running.progress import Both, PlainWatcher
from flows.running.stage_artifacts import ArtifactWatcher, key_of
from tests.flows.toy import measured

FINDING = {"metric": "kl_nats", "wanted": "value <= 10", "found": 12.34567, "low": None, "high": float("nan"),
           "samples": 400, "passed": False, "reason": "too far"}


def shown_of(flow_name: str) -> dict[str, Any]:
    """Key -> artifact, of the latest run of a flow."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])), sort=FlowRunSort.START_TIME_DESC, limit=1)
        found = client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])), limit=200)
        return {one.key: one for one in found if one.key}


@pytest.mark.usefixtures("prefect_server")
def test_a_run_shows_its_stages_the_gate_and_where_to_look(workspace: Path) -> None:
    from flows.retrain import retrain

    (workspace / "measured.json").write_text(measured(0.3))
    said = retrain()
    shown = shown_of("retrain")

    assert {key: (one.type, one.data, one.description) for key, one in shown.items() if key.startswith("stage-")} == {
        "stage-learn": ("progress", 100.0, "ran"), "stage-measure": ("progress", 100.0, "ran")}
    assert all(isinstance(one.task_run_id, UUID) for key, one in shown.items() if key.startswith("stage-"))
    assert '"rule": "judge_score", "wanted": "low >= 0.5", "found": "0.3"' in shown["gate"].data
    assert '"verdict": "FAILED"' in shown["gate"].data
    assert "**refuse**" in shown["gate"].description
    assert f"/runs/{said['places']['MLflow run']}" in shown["mlflow-run"].data
    assert "hallmark up" in shown["mlflow-run"].data
    assert Path(said["places"]["Report"]).as_uri() in shown["report"].data

    again = retrain()  # nothing runs

    assert again["outcome"] == "no change"
    assert [(key, one.data, one.description) for key, one in sorted(shown_of("retrain").items())][2:] == [
        ("stage-learn", 100.0, "skipped"), ("stage-measure", 100.0, "skipped")]


@pytest.mark.usefixtures("prefect_server")
def test_a_page_of_an_mlflow_server_is_a_link_without_its_password(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    @flow(name="places", persist_result=False)
    def places() -> None:
        show_places("r1", workspace / "report.html")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:pass@mlflow.example.org/base/")
    monkeypatch.setattr("tasks.records.mlflow_store.experiment_id", lambda: "7")  # no such server is there to ask
    places()

    assert "(https://mlflow.example.org/base/#/experiments/7/runs/r1)" in shown_of("places")["mlflow-run"].data


@pytest.mark.filterwarnings("ignore::FutureWarning")  # it is outside of a flow, where Prefect would rather not be asked
def test_where_prefect_takes_nothing_it_is_a_line_in_the_log(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}), \
            caplog.at_level(logging.WARNING):
        show_decision({"verdict": "refuse", "candidate": "c" * 64, "findings": [FINDING]})
        show_places(None, workspace / "report.html")
        watcher = ArtifactWatcher(None)
        watcher.start()
        watcher.stage_begins("learn")
        watcher.stage_ends("learn", "ran", 1.0)
        watcher.end()

    said = [record.message for record in caplog.records if record.name == "hallmark.artifacts"]
    assert [line.partition(":")[0] for line in said] == [
        "Prefect shows no table of the gate", "Prefect shows no link to the report",
        "Prefect shows no progress of stages"]


class Client:
    """Takes artifacts as Prefect's client does."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, str]] = []

    def create_artifact(self, artifact: Any) -> Any:
        self.calls.append((artifact.key, artifact.data, artifact.description))
        return SimpleNamespace(id=UUID(int=1))

    def update_artifact(self, artifact_id: UUID, artifact: Any) -> None:
        self.calls.append(("", artifact.data, artifact.description))


def test_what_lies_between_two_updates_is_left_out_and_the_end_is_told_at_once() -> None:
    watcher, client = ArtifactWatcher(None), Client()

    watcher.stage_begins("train_sft")
    watcher._tell(client)
    watcher.begin("train_sft", 4, "updates")
    watcher.step("train_sft", 1, {"loss": 0.5})
    watcher._tell(client)  # a moment later
    watcher._bars["train_sft"].told_at -= 2.0
    watcher.step("train_sft", 2, {"loss": 0.25})
    watcher._tell(client)
    watcher.step("train_sft", 3, {"loss": 0.2})
    watcher.stage_ends("train_sft", "ran", 1.0)
    watcher._tell(client)

    assert client.calls == [("stage-train-sft", 0.0, "running"), ("", 50.0, "2 of 4 updates  loss 0.25"),
                            ("", 100.0, "ran")]


def test_a_stage_that_failed_is_not_shown_as_whole() -> None:
    watcher, client = ArtifactWatcher(None), Client()

    watcher.stage_begins("learn")
    watcher.begin("learn", 4, "updates")
    watcher.step("learn", 1, {})
    watcher.stage_ends("learn", "failed", 1.0)
    watcher._tell(client)

    assert client.calls == [("stage-learn", 25.0, "failed")]


def test_a_key_is_one_that_prefect_takes() -> None:
    assert [key_of(name) for name in ("train_sft", "Stage 2!")] == ["stage-train-sft", "stage-stage-2"]


def test_a_number_that_json_lacks_is_a_word() -> None:
    assert [in_words(one) for one in (None, 0.123456, 400, float("nan"), float("inf"))] == [
        "", "0.1235", "400", "nan", "inf"]


def test_two_watchers_hear_of_everything(capsys: pytest.CaptureFixture[str]) -> None:
    second = ArtifactWatcher(None)
    both = Both(PlainWatcher(), second)

    both.stage_begins("learn")
    both.begin("learn", 2, "updates")
    both.step("learn", 1, {})
    both.note("learn", "a word")
    both.stage_ends("learn", "ran", 1.0)

    assert "learn: a word" in capsys.readouterr().out
    assert second._bars["learn"].percent == 100.0
