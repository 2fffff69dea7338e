"""A schedule that was killed: what it left is ended, closed and made up for once; a promotion that waits for people."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from flows.cli import main as cli
from tests.flows.hands import decided, people, started_by
from tests.flows.promotion.test_approve_command import policy
from tests.flows.scheduling.deployed import (
    FAR,
    OFTEN,
    Schedule,
    clear,
    members,
    outcomes,
    recorded,
    scheduled,
    wait_for,
)


@pytest.mark.slow
def test_what_was_missed_is_run_once_and_a_killed_run_is_closed(workspace: Path) -> None:
    (workspace / "rows.txt").write_text("sleep")
    killed = Schedule(workspace, "--cron", OFTEN)
    try:
        killed.ready()
        note = workspace / "pid"
        wait_for(lambda: note.exists() and bool(note.read_text()), 90, killed.said)
        group = os.getpgid(int(note.read_text()))
        kill_with_its_runs(killed)
        time.sleep(15)  # two or three times are missed
        assert members(group)  # nobody is there who could end it
        (workspace / "rows.txt").write_text("one two")

        with scheduled(workspace, "--cron", FAR) as again:
            assert not members(group)
            assert outcomes(workspace)[0] == "crashed"
            assert recorded(workspace, "run finished")[0][2]["reason"] == "it was killed"
            assert "was killed and is closed in the ledger as crashed\n" in again.said()
            assert "1 run(s) that were killed are closed\n" in again.said()
            wait_for(lambda: "Completed" in again.states(), 90, again.said)
            states = again.states()
            time.sleep(10)

            assert again.states() == states  # nothing else follows
            assert states.count("Completed") == 1
            assert states.count("Crashed") == 1
            assert states.count("Cancelled") == len(states) - 2 >= 1
            (done,) = [run for run in again.runs() if run.state.name == "Completed"]
            covered = [run for run in again.runs() if f"run {done.id}, which" in str(run.state.message)]
            assert f"{len(covered) + 1} missed times are run once\n" in again.said()
    finally:
        clear(killed)
    assert outcomes(workspace) == ["crashed", "waiting for approval"]


def kill_with_its_runs(schedule: Schedule) -> None:
    """As when memory runs out, or the power fails: nothing can say a last word. Its server lives on."""
    runs = [child for child in psutil.Process(schedule.process.pid).children() if "prefect.engine" in child.cmdline()]
    assert runs
    for pid in (schedule.process.pid, *(run.pid for run in runs)):
        os.kill(pid, signal.SIGKILL)
    schedule.process.wait()


@pytest.mark.slow
def test_a_promotion_waits_without_a_process_and_signatures_alone_end_the_wait(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    people(workspace, "ann", "mallory", listed=("ann",))
    decided(started_by("carol", workspace), "one", fill=lambda folder: policy(1, folder))
    with scheduled(workspace, "--cron", FAR) as schedule:
        (run,) = (one.id for one in schedule.runs("promote"))  # made at the start, as version 1 waits
        assert schedule.wait_for_state(run, "Suspended", "Failed", "Completed") == "Suspended"
        assert "policy version 1 waits: 0 of 1 signature(s) count" in schedule.said()
        assert limit_slots(schedule) == 0

        resume(schedule, run)  # by somebody in Prefect's page, whose word does not count
        wait_for(lambda: schedule.said().count("waits: 0 of 1 signature(s)") == 2, 60, schedule.said)
        assert schedule.wait_for_state(run, "Suspended") == "Suspended"
        assert [kind for _, kind, _ in recorded(workspace, "promoting")] == []

        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        approve = ["approve", "1", "--reason", "x", "--key"]
        assert cli.run([*approve, str(workspace.parent / "mallory.pem")]) == 1
        assert cli.run([*approve, str(workspace.parent / "ann.pem")]) == 0
        assert "told Prefect at http://127.0.0.1:" in capsys.readouterr().out

        wait_for(lambda: recorded(workspace, "promoted") != [], 60, schedule.said)
        assert schedule.wait_for_state(run, "Completed") == "Completed"
        assert schedule.states("promote") == ["Completed", "Completed"]

    (promoted,) = recorded(workspace, "promoted")
    assert (promoted[2]["version"], promoted[2]["approvals"]) == (1, ["ann"])


def limit_slots(schedule: Schedule) -> int:
    from flows.scheduling.deployed import LIMIT

    with schedule.client() as client:
        return int(client.read_global_concurrency_limit_by_name(LIMIT).active_slots)


def resume(schedule: Schedule, run: object) -> None:
    with schedule.client() as client:
        client.resume_flow_run(run)


@pytest.mark.slow
def test_what_people_signed_while_nobody_served_is_promoted_at_the_next_start(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    people(workspace, "ann")
    decided(started_by("carol", workspace), "one", fill=lambda folder: policy(1, folder))
    with scheduled(workspace, "--cron", FAR) as schedule:
        (run,) = (one.id for one in schedule.runs("promote"))  # made at the start, as version 1 waits
        schedule.wait_for_state(run, "Suspended")
    assert cli.run(["approve", "1", "--reason", "x", "--key", str(workspace.parent / "ann.pem")]) == 0
    assert "told" not in capsys.readouterr().out

    with scheduled(workspace, "--cron", FAR) as schedule:
        wait_for(lambda: recorded(workspace, "promoted") != [], 90, schedule.said)
        wait_for(lambda: "Completed" in schedule.states("promote"), 60, schedule.said)

    assert len(recorded(workspace, "promoted")) == 1
