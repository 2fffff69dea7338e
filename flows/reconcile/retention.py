"""What must be kept until when, and what was deleted.

Pure: entries in, answers out. Kept are the champion and the one before it, challengers, what waits for approval, and
every version for some days after its last day as champion, or after its registration where it never was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.lineage.versions import Names, Registration, Told, aliases, registrations
from flows.promotion import history
from flows.reconcile.findings import DELETED, VERSION


@dataclass(frozen=True)
class Keep:
    """A version that must be kept."""

    name: str
    version: int
    why: str
    until: str | None  # ISO 8601 in UTC; None: while it is what `why` says
    entry: int  # of the ledger, that it counts from

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def kept(entries: Sequence[Told], names: Names, keep_days: float, now: datetime) -> list[Keep]:
    """Every version that must be kept now, the oldest first."""
    in_use = {(name, version): alias for alias, name, version in reversed(aliases(entries, names))}
    in_use |= {(names.reward_model, taught): f"reward model of the {alias}"
               for (name, version), alias in list(in_use.items()) if name == names.policy
               and (taught := history.beside(entries, name, version, names.reward_model)) is not None}
    found = []
    for (name, version), (counts, entry, why) in _counted(entries, names, now).items():
        until = counts + timedelta(days=keep_days)
        if (name, version) in in_use:
            found.append(Keep(name, version, in_use[name, version], None, entry))
        elif now < until:
            found.append(Keep(name, version, why, until.strftime("%Y-%m-%dT%H:%M:%SZ"), entry))
    return found


def _counted(
    entries: Sequence[Told], names: Names, now: datetime
) -> dict[tuple[str, int], tuple[datetime, int, str]]:
    """Each version -> from when its days count, the entry that says so, and why."""
    registered: dict[tuple[str, int], Registration] = {}
    for one in registrations(entries):
        registered[one.name, one.version] = one
    found = {key: (_time(one.time), one.entry, "registered") for key, one in registered.items()}
    for version, (ended, entry) in _reigns(entries, names.policy, now).items():
        found[names.policy, version] = (ended, entry, "was champion")
        taught = history.beside(entries, names.policy, version, names.reward_model)
        if taught is not None:
            found[names.reward_model, taught] = (ended, entry, "reward model of a champion")
    return found


def _reigns(entries: Sequence[Told], name: str, now: datetime) -> dict[int, tuple[datetime, int]]:
    """Every version that was champion -> when it last ceased to be, and the entry that ended it."""
    found: dict[int, tuple[datetime, int]] = {}
    stands: int | None = None
    for entry in entries:
        if entry.kind == "promoted" and entry.payload["name"] == name:
            if stands is not None:
                found[stands] = (_time(entry.time), entry.index)
            stands = int(entry.payload["version"])
            found[stands] = (now, entry.index)
    return found


def deleted(entries: Sequence[Told]) -> list[dict[str, Any]]:
    """What was deleted through Hallmark: rows that were forgotten, and what a guarded gc removed."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        said = {"entry": entry.index, "time": entry.time, "by": entry.actor}
        if entry.kind == "erasure finished":
            objects = sum(len(names) for names in entry.payload["deleted"].values())
            found.append(said | {
                "what": "rows", "ids": list(entry.payload["rows"]), "receipt": entry.payload["receipt"],
                "reason": _reason(entries, entry.payload["run"]), "objects": objects})
        elif entry.kind == "deleted":
            found.append(said | {"what": entry.payload["what"], "ids": list(entry.payload["ids"]),
                                 "reason": entry.payload["reason"]})
    return found


@dataclass(frozen=True)
class Deletion:
    """A version that a guarded gc deleted."""

    entry: int
    time: str
    early: str  # why it should not have been deleted then; empty: its retention had ended


def deleted_version(entries: Sequence[Told], names: Names, one: Registration) -> Deletion | None:
    """How Hallmark deleted a version; None where it did not, or the version was registered or promoted since."""
    found = [entry for entry in entries
             if entry.kind == DELETED and entry.payload["what"] == VERSION and str(one) in entry.payload["ids"]]
    since = [entry.index for entry in entries if entry.kind in ("registered", "promoted")
             and (entry.payload["name"], entry.payload["version"]) == (one.name, one.version)]
    if not found or found[-1].index < max(since, default=-1):
        return None
    entry = found[-1]
    return Deletion(entry.index, entry.time, _early([other for other in entries if other.index < entry.index], names,
                                                    one, entry))


def _early(before: Sequence[Told], names: Names, one: Registration, entry: Told) -> str:
    days = entry.payload.get("keep_days")
    if not isinstance(days, int | float):
        return "nobody wrote down how long versions were kept then"
    keeps = [keep for keep in kept(before, names, days, _time(entry.time)) if str(keep) == str(one)]
    return f"it was to be kept {f'until {keeps[0].until}' if keeps[0].until else f'as {keeps[0].why}'}" if keeps else ""


def free(entries: Sequence[Told], keeps: Sequence[Keep]) -> list[str]:
    """Versions that need not be kept any more."""
    wanted = {(one.name, one.version) for one in keeps}
    return list(dict.fromkeys(str(one) for one in registrations(entries) if (one.name, one.version) not in wanted))


def _reason(entries: Sequence[Told], run: str) -> str:
    return next((str(entry.payload["reason"]) for entry in entries
                 if entry.kind == "row forgotten" and entry.payload["run"] == run), "")


def _time(said: str) -> datetime:
    return datetime.fromisoformat(said).astimezone(UTC)
