"""Which checks the data of a version passed, source by source and expectation by expectation, and what was refused."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.data.sheet import TOLD
from flows.data.versions import data_versions, read_by, sheet_of
from flows.lineage.reading import kept_text
from flows.lineage.versions import NOT_RECORDED, Registration, Told
from tasks.contracts.places import CHECKED

REPORT = (CHECKED / "report.json").as_posix()
KINDS = ("registered", "data version")  # all that is asked here


def checks(home: Path, entries: Sequence[Told], one: Registration) -> dict[str, Any]:
    """The report of check_data that was kept with a version; what was not kept is `not recorded`.

    Args:
        entries: those of KINDS, at least.
    """
    known = data_versions(entries)
    data = read_by(home, known, one)
    sheet = (sheet_of(home, data) if data else None) or {"sources": []}
    about = {source["path"]: source for source in sheet["sources"]}
    text = kept_text(home, one.files.get(REPORT))
    said: Mapping[str, Any] = json.loads(text) if text else {}
    return {
        "name": one.name, "version": one.version, "report": one.files.get(REPORT) if text else NOT_RECORDED,
        "verdict": said.get("verdict", NOT_RECORDED), "data_version": data.version if data else NOT_RECORDED,
        "expectations": [expectation(found) for found in said.get("expectations", [])],
        "sources": [source(found, about.get(found["path"], {})) for found in said.get("sources", [])],
        "entries": [one.entry, *([data.entry] if data else [])]}


def expectation(said: Mapping[str, Any]) -> dict[str, Any]:
    """One expectation of the suite that is named after its table."""
    return {"suite": said["table"], **{key: said[key] for key in (
        "expectation", "columns", "passed", "unexpected_rows")}}


def source(said: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """One file of rows: what was read, accepted and refused, line by line, and what is on record of it."""
    return {
        **{key: said.get(key) for key in ("path", "sha256", "kind", "split", "rows_read", "rows_accepted")},
        "refused": [dict(row) for row in said.get("rows_rejected", [])], "warnings": list(said.get("warnings", [])),
        **{("came_from" if name == "source" else name): about.get(name) or NOT_RECORDED for name in TOLD}}
