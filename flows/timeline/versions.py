"""Every version of a registered name with what became of it, newest first.

Pure: entries in, answers out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flows.lineage.reigns import Reign
from flows.lineage.versions import NOT_RECORDED, Registration, Told, registrations
from flows.promotion import history
from tasks.records.uses import ALL_ROWS, MEASURED


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    version: int
    digest: str
    time: str
    entry: int
    started_by: str
    verdict: str
    signed_by: tuple[str, ...]
    rows: str
    fate: str
    tone: str  # good, bad or calm
    forgotten: bool  # whether a row was forgotten since that it learned from


def table(entries: Sequence[Told], name: str, reigns: Sequence[Reign]) -> list[Row]:
    """A row for each version, as it was registered last."""
    latest = {one.version: one for one in registrations(entries, name)}
    actors = {entry.payload["run"]: entry.actor for entry in entries if entry.kind == "run started"}
    signers = _signers(entries, name)
    fates, taught = _fates(entries, name, latest.values(), reigns), _taught_by_forgotten_rows(entries, name)
    return [_row(one, actors, signers.get(one.version, ()), *fates[one.version], one.version in taught)
            for one in sorted(latest.values(), key=lambda one: -one.version)]


def _row(
    one: Registration, actors: Mapping[str, str], signers: Iterable[str], fate: str, tone: str, forgotten: bool
) -> Row:
    rows = f"{one.manifests[ALL_ROWS]['rows']:,}" if one.manifests else NOT_RECORDED
    return Row(one.version, one.digest, one.time, one.entry, actors.get(one.run, NOT_RECORDED),
               one.verdict or NOT_RECORDED, tuple(dict.fromkeys(signers)), rows, fate, tone, forgotten)


def _signers(entries: Iterable[Told], name: str) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for entry in entries:
        if entry.kind == "approved" and entry.payload["name"] == name:
            found.setdefault(entry.payload["version"], []).append(entry.payload["statement"]["approver"])
    return found


def _taught_by_forgotten_rows(entries: Iterable[Told], name: str) -> set[int]:
    """Versions that learned from a row that was forgotten later; what was only measured on it did not."""
    return {one["version"] for entry in entries if entry.kind == "row forgotten" for one in entry.payload["affected"]
            if one["name"] == name and one["through"] != MEASURED}


def _fates(
    entries: Sequence[Told], name: str, found: Iterable[Registration], reigns: Sequence[Reign]
) -> dict[int, tuple[str, str]]:
    """What became of each version, in words, and whether that is good, bad or neither."""
    stood: dict[int, list[Reign]] = {}
    for reign in reigns:
        stood.setdefault(reign.version, []).append(reign)
    taken_back = {before.version: after.rollback for before, after in zip(reigns, reigns[1:], strict=False)
                  if after.rollback}
    rejected = {entry.payload["version"] for entry in entries
                if entry.kind == "rejected" and entry.payload["name"] == name}
    waiting = {one.version for one in history.challengers(entries, name)}
    return {one.version: _fate(one, stood.get(one.version, []), taken_back, rejected, waiting) for one in found}


def _fate(
    one: Registration, stood: Sequence[Reign], taken_back: Mapping[int, str], rejected: set[int], waiting: set[int]
) -> tuple[str, str]:
    over = ", by override of the gate" if any(reign.override for reign in stood) else ""
    if stood and stood[-1].until is None:
        return f"champion since {stood[-1].since[:10]}{over}", "bad" if over else "good"
    if one.version in taken_back:
        return f"was champion{over}; taken back: {taken_back[one.version]}", "bad"
    if stood:
        return f"was champion until {(stood[-1].until or '')[:10]}{over}", "bad" if over else "calm"
    if one.version in rejected:
        return "rejected", "bad"
    if one.version in waiting:
        return "waits for approval", "calm"
    return ("refused by the gate", "bad") if one.verdict == "refuse" else ("never promoted", "calm")
