"""One stage of dvc.yaml as a Prefect task: `dvc repro --single-item NAME` in a process group of its own.

There is one way to run a stage, the same by hand and by schedule. DVC decides whether it has to run and writes
dvc.lock; this task listens to its events, keeps its output, and ends the whole group when anything goes wrong.
"""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from flows.erasure.affected import refuse_rows_again
from flows.running.groups import Groups
from flows.running.progress import Watcher, watcher
from flows.telling.webhook import WEBHOOK
from tasks.contracts import errors
from tasks.contracts.errors import HallmarkError, StageBroke, StageKilled
from tasks.records.digests import stage_lock_digest
from tasks.records.ledger import Ledger
from tasks.records.ledger_place import LEDGER
from tasks.stage import PARENT_RUN
from tasks.stage.views import EVENTS, RECORD_SEPARATOR

State = Literal["ran", "restored", "skipped"]
PREPARES = "prepare_data"  # the stage that says which rows train
RETRIES = 2
BACK_OFF_SECONDS = 2.0  # doubled at each retry


@dataclass(frozen=True)
class StageRun:
    """How one stage went."""

    name: str
    state: State
    seconds: float
    lock_digest: str | None  # sha256 of the stage's entry in dvc.lock, after it
    run_id: str | None = None  # MLflow run that made its output, this run's or an earlier one's; None: not known


@dataclass(frozen=True)
class Workplace:
    """Where and for which run a stage runs."""

    root: Path
    home: Path
    run: str
    groups: Groups
    parent_run: str | None = None  # MLflow run of the whole retraining
    force: bool = False
    besides: Mapping[str, str] = field(default_factory=dict)  # what else its stages find in their environment

    def log_of(self, stage: str) -> Path:
        return self.home / "logs" / self.run / f"{stage}.log"


@dataclass
class Listener:
    """Takes a stage's output line by line: events go to the watcher, the rest is kept for messages."""

    stage: str
    watcher: Watcher
    error: Mapping[str, Any] | None = None
    run_id: str | None = None
    done: bool = False
    state: str = "failed"  # until it is known better
    said: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        text, _, sequence = line.partition(RECORD_SEPARATOR)
        if text.strip():
            self.said.append(text.rstrip())
        if not sequence:
            return
        try:
            event = json.loads(sequence)
        except json.JSONDecodeError:  # cut short by the end of the process
            return
        match event["event"]:
            case "begin":
                self.watcher.begin(self.stage, event["steps"], event["unit"])
            case "step":
                numbers = {key: value for key, value in event["numbers"].items() if value is not None}
                self.watcher.step(self.stage, event["step"], numbers)
            case "note":
                self.watcher.note(self.stage, event["text"])
            case "error":
                self.error = event
            case "done":
                self.done, self.run_id = True, event["run_id"]

    def ran(self) -> bool:
        """Whether the stage's command was started; a command that sends no events is told by DVC's own words."""
        return self.done or f"Running stage '{self.stage}':" in self.said


def repro(name: str, place: Workplace, stale: bool = True) -> StageRun:
    """Bring one stage up to date, or find that it is.

    Raises:
        HallmarkError: the stage's own error by its type, StageKilled where a signal ended it, else StageBroke.
    """
    listener, began = Listener(name, watcher()), time.monotonic()
    if stale or place.force:
        with shown(listener):
            state = _repro(name, place, listener)
            listener.state = state
    else:
        state = "skipped"
        listener.watcher.stage_ends(name, state, 0.0)
    return StageRun(name, state, time.monotonic() - began, stage_lock_digest(place.root, name), listener.run_id)


@contextmanager
def shown(listener: Listener) -> Iterator[None]:
    """Let the watcher see a stage begin and end, well or badly."""
    began = time.monotonic()
    listener.watcher.stage_begins(listener.stage)
    try:
        yield
    finally:
        listener.watcher.stage_ends(listener.stage, listener.state, time.monotonic() - began)


def _repro(name: str, place: Workplace, listener: Listener) -> State:
    before = stage_lock_digest(place.root, name)
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", *(["--force"] if place.force else []), name]
    returncode = listen(command, place, listener)
    if place.groups.closing:
        raise StageBroke("was ended with its run", where=name)
    if returncode:
        raise error_of(listener, returncode, place.log_of(name))
    if listener.ran():
        return "ran"
    unchanged = stage_lock_digest(place.root, name) == before and not any("is cached" in line for line in listener.said)
    return "skipped" if unchanged else "restored"


def listen(command: list[str], place: Workplace, listener: Listener) -> int:
    """Run a command in its own group, hear and keep every line, return its exit code; no way out leaves the group."""
    log = place.log_of(listener.stage)
    log.parent.mkdir(parents=True, exist_ok=True)
    process = place.groups.start(command, cwd=place.root, env=environment(place))
    try:
        with log.open("a", encoding="utf-8") as kept:
            for line in process.stdout or ():
                kept.write(line)
                kept.flush()
                listener.hear(line)
        return process.wait()
    finally:
        place.groups.end(process)


def environment(place: Workplace) -> dict[str, str]:
    """The stage's environment: our interpreter first on PATH, one shell for all, events asked for.

    The URLs of webhook and ledger are secrets that no stage needs, nor what a reward function of somebody else's in
    it does.
    """
    own = str(Path(sys.executable).parent)
    wanted = {
        "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)]), "SHELL": "/bin/sh", EVENTS: "1",
        "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1", "HALLMARK_HOME": str(place.home.absolute()),
        **({PARENT_RUN: place.parent_run} if place.parent_run else {}), **place.besides,
    }
    return {name: value for name, value in os.environ.items() if name not in (WEBHOOK, LEDGER)} | wanted


def error_of(listener: Listener, returncode: int, log: Path) -> HallmarkError:
    """The error that a stage ended on: the one that it named itself, or what its end tells."""
    if listener.error is not None:
        kind = getattr(errors, str(listener.error["type"]), None)
        if not (isinstance(kind, type) and issubclass(kind, HallmarkError)):
            kind = StageBroke
        return kind(str(listener.error["message"]))
    ended = [int(code) for line in listener.said for code in re.findall(r", exited with (-?\d+)$", line)]
    code = ended[-1] if ended else returncode
    if code < 0 or 128 < code <= 128 + signal.NSIG:
        number = -code if code < 0 else code - 128
        return StageKilled(
            f"was ended by {signal.Signals(number).name}", where=listener.stage,
            next_step=f"SIGKILL often means that memory ran out. Its output is in {log}.")
    faults = [line for line in listener.said if line.startswith("ERROR:")] or listener.said[-1:] or ["no output"]
    return StageBroke(
        f"ended with exit code {code}", where=listener.stage, found=faults[-1][:400],
        next_step=f"Its output is in {log}.")


def track(stage: StageRun, place: Workplace) -> StageRun:
    """Let MLflow show the stage: what ran is tied to its outputs, what did not links to the run that made them."""
    if place.parent_run is None or stage.lock_digest is None:
        return stage
    from tasks.records import tracking

    if stage.state == "ran":
        if stage.run_id:
            tracking.mark_made(stage.run_id, stage.lock_digest)
        return stage
    made_by = tracking.find_run(stage.lock_digest)
    tracking.skipped_child(stage.name, place.parent_run, made_by, stage.state)
    return replace(stage, run_id=made_by)


def may_retry(_task: object, _run: object, state: Any) -> bool:
    """Prefect asks this after a failure: again only where the error says that a retry may cure it."""
    try:
        state.result()
    except HallmarkError as error:
        return error.retryable
    except Exception:  # noqa: BLE001 - whatever else it was, nobody said that a retry cures it
        return False
    return False


@task(cache_policy=NO_CACHE, task_run_name="{name}", retries=RETRIES, persist_result=False, log_prints=False,
      retry_delay_seconds=exponential_backoff(BACK_OFF_SECONDS), retry_condition_fn=may_retry)
def run_stage(name: str, place: Workplace, stale: bool, parents: list[StageRun]) -> StageRun:
    """The Prefect task; `parents` are the results that it waits for, one that moved makes this stage stale."""
    stage = track(repro(name, place, stale or any(parent.state != "skipped" for parent in parents)), place)
    if name == PREPARES:
        refuse_rows_again(place.root, Ledger(place.home))  # before anything trains on them
    return stage


@task(cache_policy=NO_CACHE, task_run_name="{name}", retries=RETRIES, persist_result=False, log_prints=False,
      retry_delay_seconds=exponential_backoff(BACK_OFF_SECONDS), retry_condition_fn=may_retry)
def run_step(name: str, folder: Path, place: Workplace) -> None:
    """A step of the flow that needs a model in memory, in a process group of its own; see flows/running/steps.py."""
    listener = Listener(name, watcher())
    with shown(listener):
        returncode = listen([sys.executable, "-m", "flows.running.steps", name, str(folder)], place, listener)
        if returncode:
            raise error_of(listener, returncode, place.log_of(name))
        listener.state = "ran"
