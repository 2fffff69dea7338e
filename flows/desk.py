"""Where a person decides about a version: the workspace's settings and ledger, who it is, and what time it is."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.promote import Proof
from flows.promotion import consent
from flows.promotion.consent import Case
from flows.run import actor
from tasks.contracts.config import Params, load_params
from tasks.contracts.errors import DigestMismatch, LedgerBroken
from tasks.contracts.places import home
from tasks.records import registry
from tasks.records.chain import Entry
from tasks.records.ledger import Ledger, utc_now
from tasks.records.registry import Version


@dataclass(frozen=True)
class Desk:
    """One command of a person, as it is carried through. It trains nothing, so a run may be at work beside it."""

    id: str  # what its entries say under `run`
    root: Path
    home: Path
    params: Params
    ledger: Ledger
    actor: str
    clock: Callable[[], datetime] = utc_now

    @property
    def name(self) -> str:
        """The registered name of policies."""
        return self.params.promotion.policy_model

    def record(self, kind: str, **payload: Any) -> Entry:
        return self.ledger.append(kind, self.actor, {"run": self.id, **payload})

    def case(self, version: int) -> Case:
        """A version as the ledger knows it. Raises UnknownVersion."""
        return consent.case_of(self.ledger.entries(), self.name, version)

    def registered(self, version: int, digest: str) -> Version:
        """A version in the registry, with the digest that the ledger has of it. Raises DigestMismatch."""
        found = registry.get(self.name, version)
        if found.digest != digest:
            raise DigestMismatch("the version was changed in the registry, past the ledger", where=str(found),
                                 wanted=digest, found=found.digest)
        return found


def open_desk(root: Path, command: str, clock: Callable[[], datetime] = utc_now) -> Desk:
    """Raises LedgerBroken where the ledger does not verify: nothing is decided on it."""
    params, ledger = load_params(root / "params.yaml"), Ledger(home(), clock=clock)
    found = ledger.verify()
    if found.broken:
        raise LedgerBroken(found.broken.reason, where=ledger.place)
    name = f"{command}-{clock():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    return Desk(name, root, home(), params, ledger, actor(), clock)


def smoke_test(desk: Desk) -> Proof:
    """The proof of a champion: it is loaded in a process of its own and answers the smoke prompt."""
    from flows.running.groups import Groups
    from flows.running.stages import Workplace, run_step  # Prefect's import takes a second

    place = Workplace(desk.root, desk.home, desk.id, Groups(desk.home))

    def prove(folder: Path) -> None:
        run_step.fn("smoke", folder, place)  # without Prefect around it: no server is needed

    return prove
