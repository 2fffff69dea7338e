"""The deployments of infra/prefect.yaml on a real server, run by a real worker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.running.groups import Groups
from tests.flows.scheduling.deployed import FAR, Schedule, outcomes, runs_of, scheduled, wait_for


def prefect(root: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", *words], cwd=root, capture_output=True,
                          text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def worker(schedule: Schedule) -> Iterator[None]:
    groups = Groups(schedule.root / ".hallmark")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "hallmark", "--type", "process"]
    process = groups.start(command, cwd=schedule.root, env=os.environ, log=schedule.root.parent / "worker.txt")
    try:
        yield
    finally:
        groups.end(process, grace_seconds=20)


@pytest.mark.slow
def test_a_worker_retrains_and_the_promotion_waits_for_people(
    workspace: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduled(workspace, "--cron", FAR) as schedule:  # for its server and limit
        monkeypatch.setenv("PREFECT_API_URL", str(schedule.url()))
        prefect(workspace, "work-pool", "create", "hallmark", "--type", "process")
        prefect(workspace, "deploy", "--all", "--prefect-file", str(repository / "infra/prefect.yaml"))
        with schedule.client() as client:
            retrain, promote = (client.read_deployment_by_name(f"{flow}/hallmark") for flow in ("retrain", "promote"))
            assert [one.schedule.cron for one in retrain.schedules] == ["0 3 * * *"]
            assert retrain.global_concurrency_limit.limit == 1
            assert retrain.parameters == {"timeout_hours": 24.0}
            made = [one for one in client.read_automations() if one.name.startswith("hallmark__automation")]
            run = client.create_flow_run_from_deployment(retrain.id).id
        assert {event for one in made for event in one.trigger.expect} == {
            "hallmark.data-changed", "hallmark.approval-given"}

        with worker(schedule):
            said = (workspace.parent / "worker.txt").read_text
            assert schedule.wait_for_state(run, "Completed", "Failed", "Crashed", seconds=120) == "Completed", said()
            with schedule.client() as client:
                (waits,) = runs_of(client, promote.id)
            wait_for(lambda: schedule.state(waits.id) == "Suspended", 90, said)

    assert outcomes(workspace) == ["waiting for approval"]
