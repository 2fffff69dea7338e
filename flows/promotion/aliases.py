"""Aliases of registered versions: `champion` is swapped in flows/promote.py; the others follow, and decide nothing."""

from pathlib import Path
from typing import Any, Protocol

from flows.promotion import history, succession
from tasks.contracts.config import Params
from tasks.records import registry
from tasks.records.ledger import Ledger

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class Mover(Protocol):
    """Who promotes, tells of it and closes what was killed: a retraining, or a person's command."""

    @property
    def id(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def home(self) -> Path: ...

    @property
    def params(self) -> Params: ...

    @property
    def ledger(self) -> Ledger: ...

    def record(self, kind: str, **payload: Any) -> object: ...


def follow(run: Mover, name: str) -> None:
    """Set the aliases that decide nothing, as the ledger says: `previous` names where a rollback would go."""
    entries, reward_model = run.ledger.entries(), run.params.promotion.reward_model
    stood = succession.line(entries, name)
    if not stood:
        return
    move(name, PREVIOUS, stood[-2].version if len(stood) > 1 else None)
    withdraw(name, stood[-1].version)
    taught_by = history.beside(entries, name, stood[-1].version, reward_model)
    if taught_by is not None:
        move(reward_model, CHAMPION, taught_by)


def move(name: str, alias: str, version: int | None) -> None:
    """Set an alias wherever it stands now, None: take it away; for aliases that decide nothing."""
    current = registry.by_alias(name, alias)
    stands = current.version if current else None
    if stands != version:
        registry.swap_alias(name, alias, stands, version)


def withdraw(name: str, version: int) -> None:
    """Take the alias `challenger` away from a version that is none any more; nothing where another one bears it."""
    challenger = registry.by_alias(name, CHALLENGER)
    if challenger is not None and challenger.version == version:
        registry.swap_alias(name, CHALLENGER, version, None)
