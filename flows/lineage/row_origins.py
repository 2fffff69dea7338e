"""Where a row came from, in each version of the data that held it: file, line, annotator, licence, guideline."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.data.sheet import TOLD
from flows.data.versions import DataVersion, data_versions, read_by, sheet_of
from flows.lineage.origins import origin
from flows.lineage.versions import NOT_RECORDED, Registration, Told, registrations
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS

KINDS = ("registered", "data version", "row forgotten", "erasure finished")  # all that is asked here


def row_origins(home: Path, entries: Sequence[Told], store: ManifestStore, row: str) -> dict[str, Any]:
    """All that is on record of a row's origin, one item for each version of the data; what is not, says so.

    Args:
        entries: those of KINDS, at least.
        row: its id, 64 hex.
    """
    found = [one for one in registrations(entries) if one.manifests]
    held, unreadable = store.holding(bytes.fromhex(row), {one.manifests[ALL_ROWS]["root"] for one in found})
    known = data_versions(entries)
    origins = [_origin(home, one, known, row) for one in _first_of_each_data(found, held)]
    forgotten = forgetting(entries, row)
    return {
        "row": row, "known": bool(origins), "forgotten": forgotten, "origins": origins,
        "unreadable": sorted(unreadable),
        "entries": sorted({index for one in origins for index in one["entries"]}
                          | ({forgotten["entry"], forgotten["finished"]} - {None} if forgotten else set()))}


def forgetting(entries: Sequence[Told], row: str) -> dict[str, Any] | None:
    """The entry by which a row was forgotten, when, by whom and why; None where nobody asked for that."""
    for entry in entries:
        if entry.kind == "row forgotten" and row in entry.payload["rows"]:
            finished = [one.index for one in entries if one.kind == "erasure finished" and row in one.payload["rows"]]
            return {"entry": entry.index, "time": entry.time, "by": entry.actor, "reason": entry.payload["reason"],
                    "finished": finished[-1] if finished else None}
    return None


def _first_of_each_data(found: Sequence[Registration], held: set[str]) -> Iterator[Registration]:
    """The first registration for each list of rows that holds the row, with each list of origins."""
    met = set()
    for one in found:
        data = one.manifests[ALL_ROWS]["root"], one.files.get("build/checked/origins.parquet")
        if data[0] in held and data not in met:
            met.add(data)
            yield one


def _origin(home: Path, one: Registration, known: Sequence[DataVersion], row: str) -> dict[str, Any]:
    version, place = read_by(home, known, one), origin(home, one, row)
    sheet = (sheet_of(home, version) if version else None) or {"sources": []}
    about: Mapping[str, Any] = next(
        (source for source in sheet["sources"] if place and source["path"] == place.source), {})
    return {
        "data_version": version.version if version else NOT_RECORDED, "since": one.time,
        "source": place.source if place else NOT_RECORDED, "sha256": place.sha256 if place else NOT_RECORDED,
        "line": place.line if place else NOT_RECORDED, "annotator": (place and place.annotator) or NOT_RECORDED,
        **{("came_from" if name == "source" else name): about.get(name) or NOT_RECORDED for name in TOLD},
        "entries": [one.entry, *([version.entry] if version else [])]}
