"""A real `hallmark schedule` in a process of its own, and what its Prefect server says of the runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

HALLMARK = str(Path(sys.executable).with_name("hallmark"))
FAR = "0 0 29 2 *"  # so seldom that no test meets it
OFTEN = "* * * * * */5"  # every five seconds


class Schedule:
    """The command at work in a workspace; its output goes to a file beside the workspace."""

    def __init__(self, root: Path, *words: str, **environment: str):
        self.root = root
        self.said_in = root.parent / f"schedule-{len(list(root.parent.glob('schedule-*')))}.txt"
        state = {"PREFECT_HOME": str(root / ".hallmark/prefect"), **environment}
        with self.said_in.open("w") as out:
            self.process = subprocess.Popen(
                [HALLMARK, "schedule", *words], cwd=root, stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, **state, "PYTHONUNBUFFERED": "1"})

    def ready(self, seconds: float = 90) -> "Schedule":
        """Return when it serves."""
        wait_for(lambda: self.url() is not None and "Ctrl-C ends it" in self.said(), seconds, self.said)
        return self

    def said(self) -> str:
        return self.said_in.read_text()

    def url(self) -> str | None:
        assert self.process.poll() is None, self.said()
        note = self.root / ".hallmark/schedule/server.json"
        return str(json.loads(note.read_text())["url"]) if note.exists() else None

    @property
    def name(self) -> str:
        return (self.root / ".hallmark/schedule/name").read_text().strip()

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        with temporary_settings({PREFECT_API_URL: self.url()}), get_client(sync_client=True) as client:
            yield client

    def runs(self, flow: str = "retrain") -> list[FlowRun]:
        """The runs of a deployment, oldest first."""
        with self.client() as client:
            deployment = client.read_deployment_by_name(f"{flow}/{self.name}")
            found = runs_of(client, deployment.id)
        return sorted(found, key=lambda run: str(run.expected_start_time))

    def states(self, flow: str = "retrain") -> list[str]:
        """Names of the states of a deployment's runs that are not in the future, oldest first."""
        return [run.state.name for run in self.runs(flow) if run.state.name != "Scheduled"]

    def start(self, flow: str = "retrain", **parameters: Any) -> UUID:
        """Start a run of a deployment as Prefect's page does."""
        with self.client() as client:
            deployment = client.read_deployment_by_name(f"{flow}/{self.name}")
            return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id

    def state(self, run: UUID) -> str:
        with self.client() as client:
            return str(client.read_flow_run(run).state.name)

    def wait_for_state(self, run: UUID, *names: str, seconds: float = 90) -> str:
        wait_for(lambda: self.state(run) in names, seconds, lambda: f"{self.state(run)}: {self.said()}")
        return self.state(run)

    def end(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def scheduled(root: Path, *words: str, **environment: str) -> Iterator[Schedule]:
    """Serve a workspace; whatever happens nothing of it is left."""
    schedule = Schedule(root, *words, **environment)
    try:
        yield schedule.ready()
    finally:
        clear(schedule)


def clear(schedule: Schedule) -> None:
    """End the command, by force if need be, and all that notes say it had started."""
    from flows.running.groups import Groups

    if schedule.process.poll() is None:
        try:
            schedule.end()
        except subprocess.TimeoutExpired:
            schedule.process.kill()
            schedule.process.wait()
    Groups(schedule.root / ".hallmark").end_left_behind()


def runs_of(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    return client.read_flow_runs(deployment_filter=of_it)


def wait_for(done: Callable[[], bool], seconds: float, said: Callable[[], str] = lambda: "") -> float:
    """Return the seconds after which something is so; fails with what was said where it is not so in time."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, said()
        time.sleep(0.2)
    return time.monotonic() - began


def recorded(root: Path, *kinds: str) -> list[tuple[datetime, str, dict[str, Any]]]:
    """Time, kind and payload of the ledger's entries, of these kinds where some are named."""
    from tasks.records.ledger import Ledger

    ledger = Ledger(root / ".hallmark")
    assert ledger.verify().ok
    return [(datetime.fromisoformat(entry.time), entry.kind, entry.payload) for entry in ledger.entries()
            if not kinds or entry.kind in kinds]


def outcomes(root: Path) -> list[str]:
    """How the runs ended, in order."""
    return [payload["outcome"] for _, _, payload in recorded(root, "run finished")]


def members(group: int) -> list[int]:
    """Processes of a process group that are alive."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except ProcessLookupError:
            continue
    return found
