"""How far the data of a version are spread otherwise than those of the last accepted one before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.data.versions import KIND, DataVersion, Teller, data_in_lock, data_versions, named, sheet_of
from tasks.contracts.places import DVC_LOCK
from tasks.data.checks.shift import Shift, shifts, told


@dataclass(frozen=True)
class Since:
    """What has shifted from one data version to another."""

    before: int
    after: int
    found: Sequence[Shift]

    def report(self, at_most: float) -> dict[str, Any]:
        """As JSON, with the spreads themselves: the counts of the sheets."""
        return {"before": self.before, "after": self.after, "at_most": at_most, "warnings": told(self.found, at_most),
                "spreads": [{"kind": one.kind, "of": one.of, "divergence": round(one.divergence, 4),
                             "before": dict(one.before), "after": dict(one.after)} for one in self.found]}


def since_accepted(home: Path, versions: Sequence[DataVersion], version: DataVersion) -> Since | None:
    """Compare a version with the last one before it of which rows may train; None where either has no kept sheet."""
    earlier = [one for one in versions if one.version < version.version and one.accepted]
    if not earlier or not version.accepted:
        return None
    before, after = sheet_of(home, earlier[-1]), sheet_of(home, version)
    if before is None or after is None:
        return None
    return Since(earlier[-1].version, version.version, shifts(before["distributions"], after["distributions"]))


def warnings_of(teller: Teller, version: DataVersion | None, at_most: float) -> list[str]:
    """What a person should look at before a version trains; empty where nothing has shifted."""
    known = data_versions(teller.ledger.entries_of([KIND]))
    found = since_accepted(teller.home, known, version) if version else None
    return [f"data version {found.after} beside {found.before}: {said}"
            for said in told(found.found, at_most)] if found else []


def of_run(teller: Teller, at_most: float) -> dict[str, Any] | None:
    """The shift of the data that the stages of a workspace read, for the report; None where nothing is beside them."""
    lock = teller.root / DVC_LOCK
    known = data_versions(teller.ledger.entries_of([KIND]))
    read = named(known, data_in_lock(lock.read_text(encoding="utf-8"))) if lock.is_file() else None
    found = since_accepted(teller.home, known, read) if read else None
    return found.report(at_most) if found else None
