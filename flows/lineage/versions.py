"""The registered versions of the ledger, with what was kept of the rows that made them.

Pure: entries in, answers out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.promotion import history, succession
from tasks.contracts.errors import UnknownVersion
from tasks.records.uses import Model

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Names:
    """The registered names of a policy and its reward model."""

    policy: str
    reward_model: str

    def model(self, name: str) -> Model:
        return "reward model" if name == self.reward_model else "policy"


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the ledger whose payload was parsed once."""

    index: int
    time: str
    kind: str
    actor: str
    hash: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Registration:
    """A version as it was registered once; the same bytes may be registered by several runs."""

    name: str
    version: int
    digest: str
    bundle: str
    run: str
    verdict: str | None
    entry: int  # index in the ledger
    time: str
    manifests: Mapping[str, Mapping[str, Any]]  # use -> root, rows; empty: not recorded
    files: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def told(entries: Iterable[Any]) -> list[Told]:
    """Entries parsed once, since history asks them again and again."""
    return [Told(one.index, one.time, one.kind, one.actor, one.hash, one.payload) for one in entries]


def told_of(said: Iterable[tuple[int, str, str, str, str, str]]) -> list[Told]:
    """What Ledger.said_of reads, parsed once."""
    rows = list(said)
    payloads = json.loads(f"[{','.join(row[5] for row in rows)}]")  # in one go, which shares the keys among them
    return [Told(index, time, kind, actor, digest, payload)
            for (index, time, kind, actor, digest, _), payload in zip(rows, payloads, strict=True)]


def registrations(entries: Iterable[Told], name: str | None = None) -> list[Registration]:
    """Every registration, of one name or of all, in the order of the ledger."""
    return [_registration(entry) for entry in entries
            if entry.kind == "registered" and name in (None, entry.payload["name"])]


def registration(entries: Sequence[Told], name: str, version: int) -> Registration:
    """How a version was registered last. Raises UnknownVersion where the ledger knows none."""
    found = registrations(entries, name)
    ours = [one for one in found if one.version == version]
    if not ours:
        known = ", ".join(str(number) for number in sorted({one.version for one in found})) or "none"
        raise UnknownVersion(f"the ledger knows no version {version} of {name}", wanted=f"one of: {known}",
                             next_step="`hallmark status` lists what is registered.")
    return ours[-1]


def aliases(entries: Sequence[Told], names: Names) -> list[tuple[str, str, int]]:
    """Alias, name and version that bears it, as the ledger says."""
    stood = succession.line(entries, names.policy)
    found = [("champion", names.policy, stood[-1].version)] if stood else []
    found += [("previous", names.policy, stood[-2].version)] if len(stood) > 1 else []
    found += [("challenger", names.policy, one.version) for one in history.challengers(entries, names.policy)]
    teacher = history.beside(entries, names.policy, stood[-1].version, names.reward_model) if stood else None
    return found + ([("champion", names.reward_model, teacher)] if teacher is not None else [])


def _registration(entry: Told) -> Registration:
    said = entry.payload
    return Registration(said["name"], said["version"], said["digest"], said["bundle"], said["run"],
                        said.get("verdict"), entry.index, entry.time, said.get("manifests", {}), said.get("files", {}))
