"""What two data versions have in common and what not: rows by their ids, sources, and how lengths and labels lie.

Answered from what was kept when they were recorded, so that the bytes may be long gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.data.versions import DataVersion, sheet_of
from flows.lineage.keeping import kept_file
from tasks.contracts.canonical import file_sha256
from tasks.contracts.errors import DigestMismatch, UnknownVersion

SAME = ("path", "sha256", "kind", "split", "rows", "licence", "consent", "source", "guideline", "collected",
        "collected_by")


@dataclass(frozen=True)
class Between:
    """What changed from one data version to another."""

    rows_in: Sequence[str]  # ids, sorted
    rows_out: Sequence[str]
    rows_in_both: int
    sources: Mapping[str, Mapping[str, Any]]  # path -> `before`, `after`: the parts of the sheet that differ
    before: Mapping[str, Any]  # distributions
    after: Mapping[str, Any]


def one_of(versions: Sequence[DataVersion], number: int) -> DataVersion:
    """A data version by its number. Raises UnknownVersion."""
    found = next((one for one in versions if one.version == number), None)
    if found is None:
        known = ", ".join(str(one.version) for one in versions) or "none"
        raise UnknownVersion(f"the ledger knows no data version {number}", wanted=f"one of: {known}")
    return found


def between(home: Path, one: DataVersion, other: DataVersion) -> Between:
    """Compare two data versions.

    Raises:
        DigestMismatch: what was kept of one is gone, or is not what the ledger names.
    """
    (before, had), (after, has) = (_kept(home, version) for version in (one, other))
    return Between(sorted(row.hex() for row in has - had), sorted(row.hex() for row in had - has), len(has & had),
                   _differing(before["sources"], after["sources"]), before["distributions"], after["distributions"])


def sheet(home: Path, version: DataVersion) -> dict[str, Any]:
    """The kept sheet. Raises DigestMismatch where it is gone, or is not what the ledger names."""
    found = sheet_of(home, version)
    if found is None:
        raise DigestMismatch("its sheet is gone or was changed", where=f"data version {version.version}",
                             wanted=version.sheet, next_step=f"Restore {kept_file(home, version.sheet)}.")
    return found


def _kept(home: Path, version: DataVersion) -> tuple[dict[str, Any], set[bytes]]:
    import pyarrow.parquet as pq

    said = sheet(home, version)
    path = kept_file(home, said["origins"])
    if not path.is_file() or file_sha256(path) != said["origins"]:
        raise DigestMismatch("the list of its rows is gone or was changed", where=f"data version {version.version}",
                             wanted=said["origins"], next_step=f"Restore {path}.")
    return said, set(pq.read_table(path, columns=["id"])["id"].to_pylist())


def _differing(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each source that is not the same in both: what differs; null where it is in one alone."""
    had, has = {one["path"]: one for one in before}, {one["path"]: one for one in after}
    found = {}
    for path in sorted({*had, *has}):
        was, now = had.get(path), has.get(path)
        if was is None or now is None:
            found[path] = {"before": was, "after": now}
        elif was != now:
            names = [name for name in SAME if was[name] != now[name]]
            found[path] = {"before": {name: was[name] for name in names}, "after": {name: now[name] for name in names}}
    return found
