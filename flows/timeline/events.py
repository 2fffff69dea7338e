"""What has happened, as the ledger says it: runs, refusals, signatures, promotions, overrides, rollbacks, and so on.

Pure: entries in, events out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.lineage.people import who
from flows.lineage.refusals import Kept, refusals
from flows.lineage.versions import Told

LANES = {  # lane -> what it is called on the page, in the order of the picture
    "run": "runs", "refusal": "refusals", "signature": "signatures", "promotion": "promotions",
    "override": "overrides", "rollback": "rollbacks", "erasure": "erasures", "proof": "proofs", "key": "keys"}
OF_REFUSALS = {"overridden": "override", "taken back": "rollback"}  # every other refusal is one


@dataclass(frozen=True)
class Event:
    """One thing that happened. `entries`: indices in the ledger, the first names the event."""

    lane: str
    what: str
    why: str
    by: str
    time: datetime
    entries: tuple[int, ...]
    version: int | None = None

    @property
    def entry(self) -> int:
        return self.entries[0]


def events(entries: Sequence[Told], name: str, kept: Kept = lambda digest: None) -> list[Event]:
    """Every event about a registered name, and those about no model, in the order of the ledger.

    Args:
        kept: reads the kept report of data that were refused.
    """
    found = [*_runs(entries), *_refusals(entries, kept), *_others(entries, name)]
    return sorted(found, key=lambda one: one.entry)


def _runs(entries: Sequence[Told]) -> Iterator[Event]:
    ended = {entry.payload["run"]: entry for entry in entries if entry.kind == "run finished"}
    for entry in entries:
        if entry.kind != "run started":
            continue
        end = ended.get(entry.payload["run"])
        said: Mapping[str, Any] = end.payload if end else {"outcome": "not finished", "reason": "at work, or killed"}
        yield Event("run", f"run: {said['outcome']}", said["reason"], entry.actor, moment(entry),
                    (entry.index, end.index) if end else (entry.index,), said.get("version"))


def _refusals(entries: Sequence[Told], kept: Kept) -> Iterator[Event]:
    for one in refusals(entries, kept):
        yield Event(OF_REFUSALS.get(one["what"], "refusal"), one["what"], one["why"], one["by"],
                    datetime.fromisoformat(one["time"]), (one["entry"],), one["version"])


def _others(entries: Sequence[Told], name: str) -> Iterator[Event]:
    for entry in entries:
        if entry.payload.get("name") in (None, name):
            lane, what, why = _said(entry)
            if lane:
                yield Event(lane, what, why, who(entry), moment(entry), (entry.index,), entry.payload.get("version"))


def _said(entry: Told) -> tuple[str, str, str]:
    """Lane, what and why of an entry that stands for itself; all empty where it is told otherwise, or not at all."""
    said = entry.payload
    if entry.kind == "approved":
        return "signature", f"signed: {said['statement']['decision']}", said["statement"]["reason"]
    if entry.kind == "promoted" and not (said.get("rollback") or said.get("override")):
        before = said["previous"]
        return "promotion", "promoted", f"in the place of version {before}" if before else "the first champion"
    if entry.kind == "row forgotten":
        return "erasure", f"{len(said['rows'])} row(s) to be forgotten", said["reason"]
    if entry.kind == "erasure finished":
        return "erasure", f"{len(said['rows'])} row(s) forgotten", f"data version {said['data_after']} is without them"
    if entry.kind == "deleted":
        return "erasure", f"deleted: {len(said['ids'])} of {said['what']}", said["reason"]
    if entry.kind == "rebuilt":
        return "proof", "rebuilt", ", ".join(f"{one['name']} {one['verdict']}" for one in said["stages"])
    if entry.kind == "packed":
        return "proof", "packed for an audit", f"archive {said['archive'][:16]}"
    return ("key", "key changed", f"{said['retired'][:8]}… handed over to {said['key'][:8]}…") \
        if entry.kind == "key rotated" else ("", "", "")


def moment(entry: Told) -> datetime:
    return datetime.fromisoformat(entry.time)
