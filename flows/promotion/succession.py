"""Who stood as champion, in which order, and how each came and went: as the ledger says.

Pure: entries in, answers out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Entry(Protocol):
    """An entry of the ledger, as far as its history is asked."""

    @property
    def index(self) -> int: ...

    @property
    def time(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def payload(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Standing:
    """A version as the ledger knows it."""

    version: int
    digest: str
    since: str
    override: str | None = None  # why, and by whom, the gate was overridden for it; for ever, whatever came later


def line(entries: Sequence[Entry], name: str) -> list[Standing]:
    """The champion, last, and below it those that a rollback would go back to, one step each.

    A promotion puts a version on top; a rollback takes away what lies above the version that it goes back to.
    """
    found: list[Standing] = []
    overrides = overridden(entries, name)
    for entry in entries:
        if entry.kind != "promoted" or entry.payload["name"] != name:
            continue
        version = entry.payload["version"]
        if entry.payload.get("rollback"):  # entries of 0.1 have none
            stood = [one.version for one in found]
            found = found[:len(stood) - 1 - stood[::-1].index(version)] if version in stood else found[:-1]
        found.append(Standing(version, entry.payload["digest"], entry.time, overrides.get(version)))
    return found


def overridden(entries: Sequence[Entry], name: str) -> dict[int, str]:
    """Versions that were promoted though the gate refused them, each with the reason and who signed; for ever."""
    return {entry.payload["version"]: f"{entry.payload['override']} ({', '.join(entry.payload['approvals'])})"
            for entry in entries
            if entry.kind == "promoted" and entry.payload["name"] == name and entry.payload.get("override")}


def was_champion(entries: Iterable[Entry], name: str) -> dict[int, Standing]:
    """Every version that was champion once."""
    return {entry.payload["version"]: Standing(entry.payload["version"], entry.payload["digest"], entry.time)
            for entry in entries if entry.kind == "promoted" and entry.payload["name"] == name}


def rolled_back(entries: Iterable[Entry], name: str) -> dict[int, str]:
    """Versions that were taken back on purpose and not promoted again since, each with the reason."""
    found: dict[int, str] = {}
    stands: int | None = None
    for entry in entries:
        if entry.kind == "promoted" and entry.payload["name"] == name:
            if entry.payload.get("rollback") and stands is not None:
                found[stands] = entry.payload["rollback"]
            stands = entry.payload["version"]
            found.pop(entry.payload["version"], None)
    return found
