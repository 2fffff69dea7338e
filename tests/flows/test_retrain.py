"""The whole flow on a pipeline of two stages that learn nothing: real Prefect, DVC, git, MLflow and ledger."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.contracts.errors import DataRefused, StageBroke
from tests.flows.test_groups import alive, wait_until
from tests.flows.toy import measured

pytestmark = pytest.mark.usefixtures("prefect_server")


def retrain(force: bool = False) -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return flow(force=force)


def recorded() -> list[tuple[str, dict[str, Any]]]:
    from tasks.records.ledger import Ledger

    assert Ledger().verify().ok
    return [(entry.kind, entry.payload) for entry in Ledger().entries()]


def states(said: dict[str, Any]) -> list[str]:
    return [stage["state"] for stage in said["stages"]]


def test_a_policy_passes_waits_and_is_no_change_the_second_time(workspace: Path) -> None:
    from tasks.records import registry
    from tasks.records.mlflow_store import connect, experiment_id

    first = retrain()

    assert (first["outcome"], states(first)) == ("awaiting approval", ["ran", "ran"])
    assert [kind for kind, _ in recorded()] == [
        "run started", "stages finished", "gate decided", "registering", "registered", "registering", "registered",
        "run finished"]
    challenger = registry.by_alias("policy", "challenger")
    assert challenger is not None
    assert challenger.digest == first["candidate"]["digest"]
    assert registry.by_alias("policy", "champion") is None
    assert Path(first["places"]["Report"]).stat().st_size > 1000

    second = retrain()

    assert (second["outcome"], states(second)) == ("no change", ["skipped", "skipped"])
    assert second["stages"][0]["run_id"] == first["stages"][0]["run_id"]  # it links to the run that made the output
    assert [kind for kind, _ in recorded()][8:] == ["run started", "stages finished", "run finished"]
    runs = connect().search_runs([experiment_id()])
    assert sorted(run.info.run_name for run in runs if "mlflow.parentRunId" in run.data.tags) == [
        "learn", "learn", "measure", "measure"]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_refusal_is_a_sentence_and_is_in_the_ledger_before_the_end(workspace: Path) -> None:
    from tasks.records import registry

    (workspace / "measured.json").write_text(measured(0.3))

    said = retrain()

    assert said["outcome"] == "refused"
    assert said["reason"].startswith("refused: judge_score wanted low >= 0.5, found 0.3 [0.3, 0.5]: ")
    kinds = recorded()
    assert [kind for kind, _ in kinds] == ["run started", "stages finished", "gate decided", "run finished"]
    assert kinds[2][1]["verdict"] == "refuse"
    assert registry.versions("policy") == []


def test_data_that_is_refused_ends_the_run_and_says_where(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("refuse")

    with pytest.raises(DataRefused, match=r"rows\.txt must not train"):
        retrain()

    kinds = recorded()
    assert [kind for kind, _ in kinds] == ["run started", "stage failed", "run finished"]
    assert kinds[1][1] | {"run": ""} == {"run": "", "stage": "learn", "error": "DataRefused"}
    assert kinds[2][1]["outcome"] == "refused"
    assert (workspace / ".hallmark/logs").glob("*/learn.log")


def test_a_fault_that_a_retry_cures_is_retried_and_another_is_not(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("flaky")
    assert states(retrain()) == ["ran", "ran"]

    (workspace / "rows.txt").write_text("crash")
    with pytest.raises(StageBroke, match="one over nothing"):
        retrain()

    kinds = recorded()
    assert kinds[-1][1]["outcome"] == "crashed"
    log = (workspace / ".hallmark/logs" / kinds[-1][1]["run"] / "learn.log").read_text()
    assert log.count("Running stage 'learn'") == 1


RUN = "from flows.retrain import retrain\nretrain()\n"


def start_and_sleep(workspace: Path, **environment: str) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a run of its own and return when its first stage sleeps, with that stage's process id."""
    (workspace / "rows.txt").write_text("sleep")
    process = subprocess.Popen([sys.executable, "-c", RUN], env={**os.environ, **environment},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    note = workspace / "pid"
    assert wait_until(lambda: note.exists() and bool(note.read_text()), 60)
    return process, int(note.read_text())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_ends_its_stage_and_is_a_crash_in_the_ledger(
    workspace: Path, prefect_server: str, end: signal.Signals
) -> None:
    process, stage = start_and_sleep(workspace, PREFECT_API_URL=prefect_server)

    process.send_signal(end)
    process.wait(timeout=60)

    assert wait_until(lambda: not alive(stage), 10)
    assert process.returncode != 0
    assert recorded()[-1][1]["outcome"] == "crashed"


def test_what_a_killed_run_left_is_ended_by_the_next_which_closes_it_in_the_ledger(workspace: Path) -> None:
    process, stage = start_and_sleep(workspace)
    servers = [child.pid for child in psutil.Process(process.pid).children() if "uvicorn" in child.cmdline()]
    process.kill()
    process.wait()
    assert len(servers) == 1
    assert alive(servers[0])
    assert alive(stage)

    (workspace / "rows.txt").write_text("one")
    assert retrain()["outcome"] == "awaiting approval"

    assert wait_until(lambda: not alive(stage) and not alive(servers[0]))
    kind, payload = recorded()[1]
    assert (kind, payload["outcome"], payload["reason"]) == ("run finished", "crashed", "it was killed")
