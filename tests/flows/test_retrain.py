"""The whole flow on a pipeline of two stages that learn nothing: real Prefect, DVC, git, MLflow and ledger."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.cli import main as cli
from flows.promotion.approval import reject
from tasks.contracts.errors import DataRefused, StageBroke
from tests.flows.hands import desk, people
from tests.flows.running.test_groups import alive, wait_until
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


def the_gate_decides_again_from_the_bundle_and_notices_a_changed_one(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "measured.json").write_text(measured(0.1))  # what counts is what was measured then
    capsys.readouterr()

    assert cli.run(["gate", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["version"], said["verdict"], len(said["findings"])) == (1, "promote", 1)
    assert (said["findings"][0]["metric"], said["findings"][0]["found"]) == ("judge_score", 0.6)

    bundle = next((workspace / ".hallmark/bundles").glob("*.json"))
    bundle.write_text(bundle.read_text().replace('"low":0.6', '"low":0.7'))
    assert cli.run(["gate", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"].startswith("DigestMismatch: ")


def what_somebody_rejected_is_refused_when_it_is_made_again(workspace: Path) -> None:
    keys = people(workspace, "ann")
    reject(desk(workspace), 1, keys["ann"], "it swears")

    third = retrain(force=True)  # the same bytes

    assert (third["outcome"], states(third)) == ("refused", ["ran", "ran"])
    assert third["reason"] == "refused: the same policy was rejected by ann as version 1 and stays so: it swears"


def test_a_policy_passes_waits_and_is_no_change_the_second_time(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tasks.records import registry
    from tasks.records.mlflow_store import connect, experiment_id

    first = retrain()

    assert (first["outcome"], states(first)) == ("waiting for approval", ["ran", "ran"])
    assert [kind for kind, _ in recorded()] == [
        "run started", "stages finished", "gate decided", "registering", "registered", "registering", "registered",
        "approval asked", "mlflow recorded", "run finished"]
    challenger = registry.by_alias("policy", "challenger")
    assert challenger is not None
    assert "`hallmark approve 1 --key FILE --reason TEXT`, then `hallmark promote 1`" in first["reason"]
    assert challenger.digest == first["candidate"]["digest"]
    assert registry.by_alias("policy", "champion") is None
    assert Path(first["places"]["Report"]).stat().st_size > 1000

    second = retrain()
    assert cli.run(["audit", "reconcile", "--deep"]) == 0, capsys.readouterr().out
    what_somebody_rejected_is_refused_when_it_is_made_again(workspace)
    the_gate_decides_again_from_the_bundle_and_notices_a_changed_one(workspace, capsys)

    assert (second["outcome"], states(second)) == ("no change", ["skipped", "skipped"])
    assert second["stages"][0]["run_id"] == first["stages"][0]["run_id"]  # it links to the run that made the output
    assert [kind for kind, _ in recorded()][10:] == [
        "run started", "stages finished", "mlflow recorded", "run finished", "rejected", "run started",
        "stages finished", "mlflow recorded", "run finished"]
    runs = connect().search_runs([experiment_id()])
    assert sorted(run.info.run_name for run in runs if "mlflow.parentRunId" in run.data.tags) == [
        "learn", "learn", "learn", "measure", "measure", "measure"]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_refusal_is_a_sentence_and_is_in_the_ledger_before_the_end(workspace: Path) -> None:
    from tasks.records import registry

    (workspace / "measured.json").write_text(measured(0.3))

    said = retrain()

    assert said["outcome"] == "refused"
    assert said["reason"].startswith("refused: judge_score wanted low >= 0.5, found 0.3 [0.3, 0.5]: ")
    kinds = recorded()
    assert [kind for kind, _ in kinds] == [
        "run started", "stages finished", "gate decided", "registering", "registered", "registering", "registered",
        "mlflow recorded", "run finished"]
    assert kinds[2][1]["verdict"] == "refuse"
    (kept,) = registry.versions("policy")  # two signers could override it
    assert (kinds[6][1]["version"], kinds[6][1]["verdict"]) == (kept.version, "refuse")
    assert registry.by_alias("policy", "challenger") is None
    assert cli.run(["gate", str(kept.version)]) == 1


def test_data_that_is_refused_ends_the_run_and_says_where(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("refuse")

    with pytest.raises(DataRefused, match=r"rows\.txt must not train"):
        retrain()

    kinds = recorded()
    assert [kind for kind, _ in kinds] == ["run started", "stage failed", "run finished", "mlflow recorded"]
    assert kinds[1][1] | {"run": ""} == {"run": "", "stage": "learn", "error": "DataRefused"}
    assert kinds[2][1]["outcome"] == "refused"
    log = (workspace / ".hallmark/logs" / kinds[0][1]["run"] / "learn.log").read_text()
    assert log.count("Running stage 'learn'") == 1  # never a second time


def test_a_fault_that_a_retry_cures_is_retried(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("flaky")
    (workspace / "measured.json").unlink()  # the stage after it cannot start, which makes the run short

    with pytest.raises(StageBroke, match=r"measured\.json"):
        retrain()

    assert (workspace / "build/policy/model.safetensors").exists()
    log = (workspace / ".hallmark/logs" / recorded()[0][1]["run"] / "learn.log").read_text()
    assert log.count("Running stage 'learn'") == 2


HALLMARK = str(Path(sys.executable).with_name("hallmark"))
RUN = "from flows.retrain import retrain\nretrain()\n"


def servers_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children() if "uvicorn" in child.cmdline()]


def start_and_sleep(workspace: Path, command: list[str]) -> tuple["subprocess.Popen[str]", int]:
    """Start a run in a process of its own and return when its first stage sleeps, with that stage's process id."""
    (workspace / "rows.txt").write_text("sleep")
    process = subprocess.Popen(command, start_new_session=True, text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=heed_interrupts)  # noqa: PLW1509 - one system call
    note = workspace / "pid"
    assert wait_until(lambda: note.exists() and bool(note.read_text()), 60)
    return process, int(note.read_text())


def heed_interrupts() -> None:
    """As in a terminal: a shell that starts the tests in the background has their children ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ctrl_c(pid: int) -> None:
    os.killpg(pid, signal.SIGINT)  # a terminal sends it to all that the command started, its server too


def terminate(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("end", [ctrl_c, terminate])
def test_a_run_that_is_ended_says_one_line_and_leaves_nothing(workspace: Path, end: Callable[[int], None]) -> None:
    process, stage = start_and_sleep(workspace, [HALLMARK, "retrain"])
    servers = servers_of(process.pid)
    began = time.monotonic()

    end(process.pid)
    _, said = process.communicate(timeout=180)

    assert time.monotonic() - began < 20
    assert (process.returncode, said.count("\n")) == (3, 1)
    assert said.startswith("Interrupted")
    assert wait_until(lambda: not alive(stage) and not any(map(alive, servers)))
    assert [said["outcome"] for kind, said in recorded() if kind == "run finished"] == ["crashed"]


def test_what_a_killed_run_left_is_ended_by_the_next_which_closes_it_in_the_ledger(workspace: Path) -> None:
    process, stage = start_and_sleep(workspace, [sys.executable, "-c", RUN])
    servers = servers_of(process.pid)
    process.kill()
    process.wait()
    assert len(servers) == 1
    assert alive(servers[0])
    assert alive(stage)

    (workspace / "rows.txt").write_text("refuse")  # the shortest run
    with pytest.raises(DataRefused):
        retrain()

    assert wait_until(lambda: not alive(stage) and not alive(servers[0]))
    kind, payload = recorded()[1]
    assert (kind, payload["outcome"], payload["reason"]) == ("run finished", "crashed", "it was killed")
