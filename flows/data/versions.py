"""Versions of the data: each state of data/ that was added, made by forgetting rows, or seen by a run, in the ledger.

A data version is named by what DVC calls the folder: the md5 of the list of its files, as data.dvc has it.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from flows.data import dvc_digests
from flows.data.sheet import Checked, checked_rows, data_sheet, sheet_bytes
from flows.data.store import tracked
from flows.dvc_lock import raw_data, read_locks
from flows.lineage.keeping import keep_file
from flows.lineage.reading import kept_text
from flows.lineage.versions import Registration
from flows.promotion.succession import Entry
from flows.scheduling.data_watch import DATA, DATA_DVC, files
from tasks.contracts.canonical import file_sha256
from tasks.contracts.config import load_params
from tasks.contracts.places import DVC_LOCK, PARAMS
from tasks.records.ledger import Ledger

KIND = "data version"
Why = Literal["added", "rows forgotten", "seen by a run"]


class Teller(Protocol):
    """Who writes of data into the ledger: a retraining, or a person's command."""

    @property
    def root(self) -> Path: ...

    @property
    def home(self) -> Path: ...

    @property
    def ledger(self) -> Ledger: ...

    def record(self, kind: str, **payload: Any) -> object: ...


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A state of data/ that the ledger names."""

    version: int
    data: str  # md5 of DVC's list of the folder, with its `.dir`
    files: Mapping[str, str]  # path in the workspace -> sha256
    accepted: int  # rows that may train
    sheet: str  # sha256 of the kept data sheet
    parent: int | None
    why: str
    entry: int
    time: str
    origins: str | None  # sha256 of the kept list of its rows
    tracked: bool  # whether DVC had its bytes then: without `dvc add` nobody can fetch them again


def record(teller: Teller, why: Why, checked: Checked | None = None) -> DataVersion | None:
    """Write the data version of data/ as it lies into the ledger, unless an entry names it already; return it.

    Call it in the workspace's root, with the workspace held. None where there is no data.dvc or no data/.

    Args:
        checked: the rows of data/, where they were just checked.
    """
    root = teller.root
    digest = folder_md5(root) if (root / DATA_DVC).is_file() else None
    if digest is None:
        return None
    known = data_versions(teller.ledger.entries_of([KIND]))
    if named(known, digest) is None:
        parent, config = known[-1].version if known else None, load_params(root / PARAMS).data
        with nullcontext(checked) if checked else checked_rows(root, config) as rows:
            sheet = data_sheet(root, teller.home, config, rows)
        teller.record(
            KIND, version=(parent or 0) + 1, data=digest,
            files={path.relative_to(root).as_posix(): file_sha256(path) for path in files(root)},
            rows={"accepted": sum(one["rows"] for one in sheet["sources"])},
            sheet=keep_file(teller.home, sheet_bytes(sheet)), origins=sheet["origins"], parent=parent, why=why,
            tracked=digest == tracked(root))
        known = data_versions(teller.ledger.entries_of([KIND]))
    return named(known, digest)


def folder_md5(root: Path) -> str | None:
    """The name that DVC gives data/ as it lies: md5 of its list of files, `.dir` behind it. None for an empty folder.

    A folder that differs from data.dvc (`dvc add` was forgotten) has another name than data.dvc says.
    """
    relpaths = [path.relative_to(root / DATA).as_posix() for path in files(root)]
    return dvc_digests.folder_md5(dict(zip(relpaths, file_md5s(root), strict=True))) if relpaths else None


def file_md5s(root: Path) -> list[str]:
    """The names that DVC gives the files of data/, in the order of flows.scheduling.data_watch.files."""
    return [dvc_digests.file_md5(path) for path in files(root)]


def data_versions(entries: Iterable[Entry]) -> list[DataVersion]:
    """Every data version of the ledger, in its order."""
    return [_version(entry) for entry in entries if entry.kind == KIND]


def named(versions: Iterable[DataVersion], data: str | None) -> DataVersion | None:
    """The data version that a digest names, with `.dir` or without; None where no entry names it."""
    return next((one for one in versions if data and one.data.removesuffix(".dir") == data.removesuffix(".dir")), None)


def data_in_lock(text: str | None) -> str | None:
    """What the stages read as data/, as a dvc.lock says it; None where it says nothing of it."""
    locks = read_locks(text)
    return next((md5 for stage in locks for path, md5 in raw_data(locks, stage).items() if path == DATA.as_posix()),
                None)


def read_by(home: Path, versions: Iterable[DataVersion], registration: Registration) -> DataVersion | None:
    """The data version that a registered version was made from; None where that is not on record."""
    lock = kept_text(home, registration.files.get(DVC_LOCK.as_posix()))
    return named(versions, data_in_lock(lock))


def sheet_of(home: Path, version: DataVersion) -> dict[str, Any] | None:
    """The kept data sheet; None where it was not kept or is not what the ledger names."""
    text = kept_text(home, version.sheet)
    return dict(json.loads(text)) if text is not None else None


def _version(entry: Entry) -> DataVersion:
    said = entry.payload
    return DataVersion(said["version"], said["data"], said["files"], said["rows"]["accepted"], said["sheet"],
                       said["parent"], said["why"], entry.index, entry.time, said.get("origins"),
                       said.get("tracked", False))

