"""A progress artifact a stage on Prefect's pages, sent by a thread of its own: no stage ever waits for Prefect."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext, TaskRunContext

from flows.running.artifacts import decoration
from flows.running.progress import also_watched_by
from tasks.stage.views import few_numbers

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

EVERY_SECONDS = 2.0  # between two updates of a stage
LAST_SECONDS = 5.0  # that the end of a run waits for the last ones
API_SECONDS = 5.0  # that one call may take


@dataclass
class Bar:
    """How far a stage is, and what Prefect was told of it."""

    key: str
    task_run: UUID | None
    percent: float = 0.0
    text: str = "running"
    steps: int = 0
    unit: str = ""
    artifact: UUID | None = None
    ended: bool = False
    told: tuple[float, str] | None = None
    told_at: float = 0.0  # monotonic seconds

    def is_news(self, now: float) -> bool:
        """Whether Prefect is to be told: of a beginning and an end at once, of what is between every two seconds."""
        return self.told != (self.percent, self.text) and (self.ended or now - self.told_at >= EVERY_SECONDS)


class ArtifactWatcher:
    """Hears of every stage and tells Prefect, at most every two seconds; see flows.running.progress.Watcher."""

    def __init__(self, flow_run: UUID | None) -> None:
        self._flow_run = flow_run
        self._bars: dict[str, Bar] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=copy_context().run, args=(self._work,), daemon=True, name="artifacts")

    def stage_begins(self, name: str) -> None:
        context = TaskRunContext.get()
        with self._lock:
            bar = self._bars.setdefault(name, Bar(key_of(name), context.task_run.id if context else None))
            bar.percent, bar.text, bar.ended = 0.0, "running", False  # again, after a retry
        self._wake.set()

    def begin(self, name: str, steps: int, unit: str) -> None:
        with self._lock:
            self._bars[name].steps, self._bars[name].unit = steps, unit

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        with self._lock:
            bar = self._bars[name]
            bar.percent = min(100.0 * step / bar.steps, 100.0) if bar.steps else 0.0
            bar.text = f"{step} of {bar.steps} {bar.unit}  {few_numbers(numbers, 2)}".rstrip()

    def note(self, name: str, text: str) -> None: ...

    def stage_ends(self, name: str, state: str, seconds: float) -> None:
        if name not in self._bars:  # it was skipped
            self.stage_begins(name)
        with self._lock:
            bar = self._bars[name]
            bar.text, bar.ended = state, True
            bar.percent = bar.percent if state == "failed" else 100.0
        self._wake.set()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Tell the last of it and return, within LAST_SECONDS whatever Prefect does."""
        self._closing = True
        self._wake.set()
        self._thread.join(LAST_SECONDS)

    def _work(self) -> None:
        said: set[str] = set()
        with decoration("progress of stages"), get_client(
                httpx_settings={"timeout": API_SECONDS}, sync_client=True) as client:
            closing = False
            while not closing:
                self._wake.wait(EVERY_SECONDS)
                self._wake.clear()
                closing = self._closing  # read before the last telling, which so tells what came before the end
                with decoration("progress of stages", said):
                    self._tell(client)

    def _tell(self, client: "SyncPrefectClient") -> None:
        now = time.monotonic()
        with self._lock:
            news = [(bar, bar.percent, bar.text) for bar in self._bars.values() if bar.is_news(now)]
        for bar, percent, text in news:
            if bar.artifact is None:
                bar.artifact = client.create_artifact(ArtifactCreate(
                    type="progress", key=bar.key, description=text, data=percent, task_run_id=bar.task_run,
                    flow_run_id=self._flow_run)).id
            else:
                client.update_artifact(bar.artifact, ArtifactUpdate(data=percent, description=text))
            bar.told, bar.told_at = (percent, text), now


def key_of(stage: str) -> str:
    """Prefect takes lower-case letters, digits and dashes."""
    return f"stage-{re.sub('[^a-z0-9]+', '-', stage.lower()).strip('-')}"


@contextmanager
def stages_shown() -> Iterator[None]:
    """Show the stages that run inside on Prefect's pages, besides where they are shown already. Inside a flow."""
    context = FlowRunContext.get()
    watcher = ArtifactWatcher(context.flow_run.id if context and context.flow_run else None)
    watcher.start()
    try:
        with also_watched_by(watcher):
            yield
    finally:
        watcher.end()
