"""Who was champion when, how each came and went, and how rollbacks ended.

Pure: entries in, answers out.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import zip_longest
from typing import Any

from flows.lineage.versions import Told
from tasks.contracts.errors import Misused

KINDS = ("promoting", "promoted", "promotion undone")  # all that is asked here


@dataclass(frozen=True)
class Reign:
    """A time for which a version was champion."""

    version: int
    digest: str
    since: str
    until: str | None  # None: it is the champion
    by: str  # who promoted it, or rolled back to it
    approvals: tuple[str, ...]
    override: str | None  # why it was promoted though the gate refused it
    rollback: str | None  # why the champion before it was taken back
    entry: int
    ended: int | None  # entry that ended it


def reigns(entries: Sequence[Told], name: str) -> list[Reign]:
    """Every time that a version was champion, in their order."""
    crowned = [entry for entry in entries if entry.kind == "promoted" and entry.payload["name"] == name]
    return [_reign(entry, after) for entry, after in zip_longest(crowned, crowned[1:])]


def at(entries: Sequence[Told], name: str, moment: datetime) -> Reign | None:
    """Who was champion at a moment; None: nobody yet."""
    begun = [one for one in reigns(entries, name) if datetime.fromisoformat(one.since) <= moment]
    return begun[-1] if begun else None


def moment_of(text: str) -> datetime:
    """A moment as a user writes it: a day means its end, a time without zone is UTC.

    Raises:
        Misused: it is neither a day nor a time of ISO 8601.
    """
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misused("is no time", where=f"--at {text}", wanted="2026-01-10 or 2026-01-10T09:30:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rollbacks(entries: Sequence[Told], name: str) -> list[dict[str, Any]]:
    """Each rollback that was begun: from which version to which, by whom, why, and whether the way back held.

    A rollback is recorded as done only after the version that it puts back was loaded, its bytes compared with the
    approved ones, and it answered the smoke prompt.
    """
    ours = [entry for entry in entries if entry.payload.get("name") == name]
    return [_rollback(ours, number) for number, entry in enumerate(ours)
            if entry.kind == "promoting" and entry.payload.get("rollback")]


def _rollback(ours: Sequence[Told], number: int) -> dict[str, Any]:
    begun = ours[number]
    ended = next((entry for entry in ours[number + 1:] if entry.kind in ("promoted", "promotion undone")
                  and entry.payload["version"] == begun.payload["version"]), None)
    worked = ended is not None and ended.kind == "promoted"
    return {
        "time": begun.time, "by": begun.actor, "reason": begun.payload["rollback"], "from": begun.payload["expected"],
        "to": begun.payload["version"], "worked": worked if ended else None,
        "outcome": "it was loaded, held the approved bytes and answered the smoke prompt" if worked else
                   f"it did not prove itself ({ended.payload['error']}); the champion stayed" if ended else
                   "begun, and not ended yet: the next command settles it",
        "entries": [begun.index, *([ended.index] if ended else [])]}


def _reign(entry: Told, after: Told | None) -> Reign:
    said = entry.payload
    return Reign(said["version"], said["digest"], entry.time, after.time if after else None, entry.actor,
                 tuple(said.get("approvals") or ()), said.get("override"), said.get("rollback"), entry.index,
                 after.index if after else None)
