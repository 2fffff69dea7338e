"""The sheet of a data version: for each source its file, its rows, and what is on record of where they came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.lineage.versions import NOT_RECORDED
from tasks.contracts.canonical import canonical_json, file_sha256
from tasks.contracts.data_config import DataConfig, SourceConfig
from tasks.contracts.places import CHECKED
from tasks.contracts.reporting import Silent
from tasks.data.checked import check_sources

TOLD = ("licence", "consent", "source", "guideline", "collected", "collected_by")  # fields of SourceConfig


@dataclass(frozen=True)
class Counted:
    """What check_data finds in one source: its kind, and how many of its rows may train."""

    kind: str | None
    accepted: int


def data_sheet(root: Path, config: DataConfig) -> dict[str, Any]:
    """The sheet of data/ as it lies, in the order of params.yaml; what nobody recorded says so.

    Call it in the workspace's root: paths of sources are relative to it.
    """
    counted = rows_of_sources(root, config)
    return {"sources": [_of(root, one, counted[one.path]) for one in config.sources]}


def sheet_bytes(sheet: Mapping[str, Any]) -> bytes:
    """The sheet as it is kept under its digest."""
    return canonical_json(sheet)


def rows_of_sources(root: Path, config: DataConfig) -> dict[str, Counted]:
    """What may train of each source, by its path: from check_data's report where it read these very bytes."""
    reported = _reported(root)
    found = {one.path: reported.get((one.path, _sha256(root / one.path))) for one in config.sources}
    whole = {path: counted for path, counted in found.items() if counted is not None}
    return whole if len(whole) == len(found) else _examined(config)


def _of(root: Path, source: SourceConfig, counted: Counted) -> dict[str, Any]:
    told = {name: getattr(source, name) or NOT_RECORDED for name in TOLD}
    return {"path": source.path, "sha256": _sha256(root / source.path), "kind": counted.kind, "split": source.split,
            "rows": counted.accepted, **told}


def _reported(root: Path) -> dict[tuple[str, str | None], Counted]:
    try:
        said = json.loads((root / CHECKED / "report.json").read_text(encoding="utf-8"))
        return {(one["path"], one["sha256"]): _counted(one["kind"], one["verdict"], one["rows_accepted"])
                for one in said["sources"]}
    except (FileNotFoundError, json.JSONDecodeError, KeyError):  # none yet, or of an earlier release
        return {}


def _examined(config: DataConfig) -> dict[str, Counted]:
    with TemporaryDirectory() as folder:
        checked = check_sources(config, Path(folder), Silent())
    return {one.source.path: _counted(one.examination.kind, one.verdict.verdict, one.verdict.rows_accepted)
            for one in checked}


def _counted(kind: str | None, verdict: str, accepted: int) -> Counted:
    return Counted(kind, accepted if verdict == "accept" else 0)  # of a refused file no row trains


def _sha256(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None
