"""One retraining as the flow carries it through: its name, its settings, its identity, and its voice in the ledger."""

import getpass
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flows.promotion import history
from flows.promotion.aliases import Mover
from flows.running.groups import Groups
from tasks.contracts.config import Params, load_params
from tasks.contracts.errors import LedgerBroken
from tasks.contracts.places import home
from tasks.records.chain import Entry
from tasks.records.digests import RunDigests, run_digests
from tasks.records.ledger import Ledger
from tasks.records.registry import Version

Outcome = Literal["promoted", "refused", "no change", "crashed", "waiting for approval"]


@dataclass(frozen=True)
class Ending:
    """How a run came out, and why, in a sentence."""

    outcome: Outcome
    reason: str
    candidate: Version | str  # its version where it was registered, else its digest
    champion: Version | None  # after the run
    decision: dict[str, Any] | None  # tasks.contracts.evidence.Decision as JSON

    @property
    def digest(self) -> str:
        return self.candidate if isinstance(self.candidate, str) else self.candidate.digest

    @property
    def version(self) -> int | None:
        return None if isinstance(self.candidate, str) else self.candidate.version

    def candidate_in_words(self, name: str) -> dict[str, str]:
        """The candidate for a report; `name` is the registered name that it would have."""
        named = None if isinstance(self.candidate, str) else in_words(self.candidate)
        return named or {"name": name, "version": "", "digest": self.digest}


def in_words(version: Version | None) -> dict[str, str] | None:
    """A registered version for a report."""
    return {"name": version.name, "version": str(version.version), "digest": version.digest} if version else None


@dataclass(frozen=True)
class Run:
    """A retraining that has begun."""

    id: str
    root: Path
    home: Path
    params: Params
    digests: RunDigests
    ledger: Ledger
    groups: Groups
    actor: str
    started: datetime
    force: bool = False
    tracked: list[str] = field(default_factory=list)  # the id of its MLflow run, once there is one

    @property
    def parent_run(self) -> str | None:
        """The MLflow run of the whole retraining."""
        return self.tracked[0] if self.tracked else None

    def record(self, kind: str, **payload: Any) -> Entry:
        """Write one thing into the ledger, before it is acted on. Digests and names only, never a row's text."""
        return self.ledger.append(kind, self.actor, {"run": self.id, **payload})


def begin(root: Path, *, force: bool, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Run:
    """Close what a killed run left open, then begin a run: its identity is in the ledger before anything acts.

    Call it with the workspace held.

    Raises:
        LedgerBroken: the ledger does not verify; nothing was written.
        ParamsInvalid, NotAWorkspace: there is nothing to run on.
    """
    params, ledger = load_params(root / "params.yaml"), Ledger(home(), clock=clock)
    found = ledger.verify()
    if found.broken:
        raise LedgerBroken(found.broken.reason, where=ledger.place)
    now = clock()
    run = Run(
        id=f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}", root=root, home=home(), params=params,
        digests=run_digests(root, home() / "diffs", home() / "files"), ledger=ledger, groups=Groups(home()),
        actor=actor(), started=now, force=force)
    close_crashed(run, run.groups)
    run.groups.note_servers()
    run.record("run started", forced=force, **run.digests.model_dump())
    return run


def close_crashed(finder: Mover, groups: Groups) -> list[str]:
    """Runs that were killed: end what they left at work, and say in the ledger and in MLflow that they crashed.

    Call it with the workspace held: a run that is open then is not at work.
    """
    groups.end_left_behind()
    found = history.open_runs(finder.ledger.entries())
    for crashed in found:
        finder.ledger.append("run finished", finder.actor, {
            "run": crashed, "outcome": "crashed", "reason": "it was killed", "found_by": finder.id})
        note = tracked_note(finder.home, crashed)
        if note.exists():
            from flows.reconcile import snapshot
            from tasks.records import tracking

            parent = note.read_text(encoding="utf-8").strip()
            tracking.close_parent(parent, "KILLED")
            snapshot.record(finder, crashed, parent)
    return found


def tracked_note(home_folder: Path, run_id: str) -> Path:
    """The file that names a run's MLflow run, for whoever has to close it after a kill."""
    return home_folder / "logs" / run_id / "mlflow_run"


def actor() -> str:
    """Who starts this: HALLMARK_ACTOR (a schedule sets it), or the user of the operating system."""
    try:
        return os.environ.get("HALLMARK_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"
