"""The sheet of a data version: for each source its file, its rows, and what is on record of where they came from.

Beside that how lengths and labels are spread, and where the list of row ids is kept; no text of a row.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.lineage.keeping import keep_copy
from flows.lineage.versions import NOT_RECORDED
from tasks.contracts.canonical import canonical_json, file_sha256
from tasks.contracts.data_config import DataConfig, SourceConfig
from tasks.contracts.places import CHECKED
from tasks.contracts.reporting import Silent
from tasks.data.checked import KINDS, CheckedSource, check_sources
from tasks.data.checks.distributions import distributions
from tasks.data.origins import ORIGINS

TOLD = ("licence", "consent", "source", "guideline", "collected", "collected_by")  # fields of SourceConfig


@dataclass(frozen=True)
class Counted:
    """What is found in one source: its kind, and how many of its rows may train."""

    kind: str | None
    accepted: int


@dataclass(frozen=True)
class Checked:
    """The checked rows of all sources in a folder, as check_data writes them."""

    folder: Path
    sources: Sequence[Counted]  # in the order of params.yaml


def data_sheet(root: Path, home: Path, config: DataConfig, checked: Checked) -> dict[str, Any]:
    """The sheet of data/ as it lies, sources in the order of params.yaml; what nobody recorded says so."""
    sources = [_of(root, one, counted) for one, counted in zip(config.sources, checked.sources, strict=True)]
    paths = {kind: checked.folder / f"{kind}.jsonl" for kind in KINDS}
    return {"sources": sources, "origins": keep_copy(home, checked.folder / ORIGINS),
            "distributions": distributions({kind: path for kind, path in paths.items() if path.is_file()})}


def sheet_bytes(sheet: Mapping[str, Any]) -> bytes:
    """The sheet as it is kept under its digest."""
    return canonical_json(sheet)


@contextmanager
def checked_rows(root: Path, config: DataConfig) -> Iterator[Checked]:
    """The checked rows of data/: what check_data left where it read these very bytes, else they are checked now.

    Call it in the workspace's root: paths of sources are relative to it.
    """
    reported = _reported(root)
    found = [reported.get((one.path, _sha256(root / one.path))) for one in config.sources]
    whole = [counted for counted in found if counted is not None]
    if len(whole) == len(found) and (root / CHECKED / ORIGINS).is_file():
        yield Checked(root / CHECKED, whole)
    else:
        with TemporaryDirectory() as folder:
            yield Checked(Path(folder), counted_in(check_sources(config, Path(folder), Silent())))


def counted_in(sources: Sequence[CheckedSource]) -> list[Counted]:
    """What check_sources found."""
    return [_counted(one.examination.kind, one.verdict.verdict, one.verdict.rows_accepted) for one in sources]


def _of(root: Path, source: SourceConfig, counted: Counted) -> dict[str, Any]:
    told = {name: getattr(source, name) or NOT_RECORDED for name in TOLD}
    return {"path": source.path, "sha256": _sha256(root / source.path), "kind": counted.kind, "split": source.split,
            "rows": counted.accepted, **told}


def _reported(root: Path) -> dict[tuple[str, str | None], Counted]:
    """Of a report that accepts: path and digest of each source -> what was found."""
    try:
        said = json.loads((root / CHECKED / "report.json").read_text(encoding="utf-8"))
        return {(one["path"], one["sha256"]): _counted(one["kind"], one["verdict"], one["rows_accepted"])
                for one in said["sources"] if said["verdict"] == "accept"}
    except (FileNotFoundError, json.JSONDecodeError, KeyError):  # none yet, or of an earlier release
        return {}


def _counted(kind: str | None, verdict: str, accepted: int) -> Counted:
    return Counted(kind, accepted if verdict == "accept" else 0)  # of a refused file no row trains


def _sha256(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None
