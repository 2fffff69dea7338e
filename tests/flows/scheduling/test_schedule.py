"""`hallmark schedule` with a real Prefect server, real runs and the toy pipeline."""

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.schemas.actions import (
    DeploymentUpdate,
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
)
from prefect.states import Cancelling

from flows.cli import main as cli
from flows.scheduling.deployed import LIMIT
from flows.workspace import hold_schedule
from tests.flows.running.test_groups import alive
from tests.flows.scheduling.deployed import FAR, HALLMARK, Schedule, members, outcomes, recorded, scheduled, wait_for

LONG_ENOUGH = 40  # seconds in which a run comes to its first stage


@pytest.mark.slow  # it waits for the clock
def test_a_cron_time_each_minute_makes_runs_and_the_second_trains_nothing(workspace: Path) -> None:
    with scheduled(workspace, "--cron", "* * * * *") as schedule:
        wait_for(lambda: schedule.states()[:2] == ["Completed", "Completed"], 240, schedule.said)
        made = [run for run in schedule.runs() if run.state.is_completed()]

    assert outcomes(workspace)[:2] == ["waiting for approval", "no change"]
    assert [run.auto_scheduled for run in made[:2]] == [True, True]
    first, second = (run.expected_start_time or datetime.max.replace(tzinfo=UTC) for run in made[:2])
    assert (second - first).total_seconds() == 60
    finished = [payload for _, _, payload in recorded(workspace, "stages finished")]
    assert [stage["state"] for stage in finished[0]["stages"]] == ["ran", "ran"]
    assert [stage["state"] for stage in finished[1]["stages"]] == ["skipped", "skipped"]
    assert schedule.process.returncode == 0


@pytest.mark.slow
def test_changed_data_starts_a_run_within_half_a_minute_once(workspace: Path) -> None:
    with scheduled(workspace, "--on-data-change") as schedule:
        wait_for(lambda: outcomes(workspace) == ["waiting for approval"], 60, schedule.said)  # nothing was told before
        (workspace / "data/feedback.jsonl").write_text('{"text": "a row"}\n')

        took = wait_for(lambda: len(recorded(workspace, "run started")) == 2, 60, schedule.said)

        wait_for(lambda: outcomes(workspace)[1:] == ["no change"], 60, schedule.said)
        assert took < 30
        wait_for(lambda: schedule.states() == ["Completed", "Completed"], 30, schedule.said)
        assert schedule.states("promote") == ["Suspended"]  # of the version that waits for approval

    with scheduled(workspace, "--on-data-change") as schedule:  # it was told before
        assert not wait_and_see(lambda: len(recorded(workspace, "run started")) > 2, 12)


def wait_and_see(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.5)
    return happened()


@pytest.mark.slow
def test_without_prefects_limit_a_run_fails_closed_and_without_its_slots_the_locks_hold(workspace: Path) -> None:
    with scheduled(workspace, "--cron", FAR) as schedule:
        with schedule.client() as client:
            client.delete_global_concurrency_limit_by_name(LIMIT)
        run = schedule.start()
        assert schedule.wait_for_state(run, "Failed", "Completed") == "Failed"
        assert recorded(workspace) == []
        with schedule.client() as client:
            assert "Prefect has no limit hallmark-gpu" in str(client.read_flow_run(run).state.message)

            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))
            client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(active=False))
            deployment = client.read_deployment_by_name(f"retrain/{schedule.name}")
            client.update_deployment(deployment.id, DeploymentUpdate(concurrency_limit=None))
        both = [schedule.start(force=True), schedule.start(force=True)]
        for run in both:
            assert schedule.wait_for_state(run, "Completed", "Failed", "Cancelled") == "Completed"
        assert "waiting: another run is at work here" in schedule.said()

    times = [(kind, payload["run"], time) for time, kind, payload in recorded(workspace, "run started", "run finished")]
    assert [kind for kind, _, _ in times] == ["run started", "run finished"] * 2
    assert times[0][1] == times[1][1] != times[2][1] == times[3][1]
    assert times[1][2] <= times[2][2]


def running(schedule: Schedule, **parameters: float) -> tuple[UUID, int]:
    """Start a run whose first stage sleeps; return it and the stage's process id."""
    note = schedule.root / "pid"
    run = schedule.start(**parameters)
    wait_for(lambda: note.exists() and bool(note.read_text()), 60, schedule.said)
    return run, int(note.read_text())


@pytest.mark.slow
def test_a_cancelled_run_and_one_that_takes_too_long_leave_no_process(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("sleep")
    with scheduled(workspace, "--cron", FAR) as schedule:
        run, stage = running(schedule)
        group = os.getpgid(stage)
        with schedule.client() as client:
            client.set_flow_run_state(run, Cancelling(), force=True)

        assert wait_for(lambda: not members(group), 30, schedule.said) < 10
        assert schedule.wait_for_state(run, "Cancelled", seconds=60)
        assert outcomes(workspace) == ["crashed"]

        (workspace / "pid").unlink()
        run, stage = running(schedule, timeout_hours=LONG_ENOUGH / 3600)
        group = os.getpgid(stage)
        wait_for(lambda: not members(group), LONG_ENOUGH + 30, schedule.said)
        gone = datetime.now(UTC)
        assert schedule.wait_for_state(run, "TimedOut", "Failed", "Crashed") == "TimedOut"
        with schedule.client() as client:
            began = client.read_flow_run(run).start_time or gone
        assert 0 < (gone - began).total_seconds() - LONG_ENOUGH < 10
        assert outcomes(workspace) == ["crashed", "crashed"]

        (workspace / "pid").unlink()
        _, stage = running(schedule)
        assert schedule.end() == 0  # Ctrl-C cancels what is at work
        assert not alive(stage)
        assert outcomes(workspace) == ["crashed"] * 3


def test_a_second_schedule_of_a_workspace_is_refused(workspace: Path) -> None:
    with hold_schedule(workspace / ".hallmark"):
        done = subprocess.run([HALLMARK, "schedule"], cwd=workspace, capture_output=True, text=True, timeout=60,
                              check=False)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"another `hallmark schedule` serves this workspace; found process {os.getpid()} since 20" in done.stderr


@pytest.mark.parametrize("words", [
    ["--cron", "every day"], ["--cron", "0 25 * * *"], ["--timezone", "Mars/Olympus"], ["--timeout-hours", "-1.0"]])
def test_a_time_that_cannot_be_is_refused(
    workspace: Path, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    assert cli.run(["schedule", *words]) == 2
    said = capsys.readouterr().err
    assert words[0] in said
    assert said.count("\n") < 6


def test_a_server_that_does_not_answer_is_one_message(workspace: Path) -> None:
    done = subprocess.run([HALLMARK, "schedule"], cwd=workspace, capture_output=True, text=True, timeout=100,
                          check=False, env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"})

    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert "no Prefect server answers there" in done.stderr
