"""What a rebuild starts from: the ledger's word about a version and its run, and the files that were kept of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.lineage.keeping import kept_file
from flows.lineage.reading import kept_text
from flows.lineage.versions import Registration, Told, registration
from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import DigestMismatch, Refused
from tasks.contracts.places import CHECKED, CONSTRAINTS, DVC_LOCK, PARAMS

MACHINE = ("python", "hardware", "processor", "gpu", "driver", "cuda")


@dataclass(frozen=True)
class Subject:
    """A version to be rebuilt, with all that it is rebuilt from."""

    one: Registration
    commit: str
    diff: bytes | None  # patch from the commit to the files of then; None: they were the commit's
    params: str  # params.yaml
    lock: str  # dvc.lock at the end of the run
    packages: str  # `name==version` a line: what was installed, in earlier releases the lock file of packages
    sources: Mapping[str, str]  # data file -> sha256, as check_data read it
    kept: Mapping[str, Path]  # path in the workspace -> the copy that was kept of it
    machine: Mapping[str, str]  # interpreter and hardware, as tasks.records.machine says them


def subject_of(home: Path, entries: Sequence[Told], name: str, version: int) -> Subject:
    """Gather it from the ledger's entries and the state folder.

    Raises:
        UnknownVersion: the ledger knows no such version.
        Refused: something that a rebuild rests on was not recorded.
        DigestMismatch: it was recorded, and is gone or has other bytes now.
    """
    one = registration(entries, name, version)
    run = next((entry.payload for entry in reversed(entries)
                if entry.kind == "run started" and entry.payload["run"] == one.run), None)
    if run is None:
        raise Refused("the ledger has no beginning of the run that made it", where=str(one), wanted=f"run {one.run}")
    return Subject(
        one, run["commit"], _diff(home, run["diff_sha256"]) if run["diff_sha256"] else None,
        params=_kept(home, one, PARAMS), lock=_kept(home, one, DVC_LOCK), packages=_packages(home, one, run),
        sources=_sources(home, one), kept={path: kept_file(home, digest) for path, digest in one.files.items()},
        machine={key: run[key] for key in MACHINE if key in run})


def _kept(home: Path, one: Registration, path: Path) -> str:
    digest = one.files.get(path.as_posix())
    if digest is None:
        raise Refused(f"{path} of its run was not kept, so nothing says what it was made with", where=str(one),
                      wanted="a version that was registered since these files are kept")
    return _text(home, one, digest, str(path))


def _text(home: Path, one: Registration, digest: str, what: str) -> str:
    text = kept_text(home, digest)
    if text is None:
        raise DigestMismatch(f"{what} of its run is gone from the state folder or was changed", where=str(one),
                             wanted=str(home / "files" / digest), next_step="Restore it from a backup.")
    return text


def _packages(home: Path, one: Registration, run: Mapping[str, Any]) -> str:
    if run.get("packages_sha256"):
        return _text(home, one, run["packages_sha256"], "the list of packages")
    return _kept(home, one, CONSTRAINTS) if run["constraints_sha256"] else ""


def _sources(home: Path, one: Registration) -> dict[str, str]:
    path = CHECKED / "report.json"
    if path.as_posix() not in one.files:  # a pipeline without check_data
        return {}
    report = json.loads(_kept(home, one, path))
    return {source["path"]: source["sha256"] for source in report["sources"]}


def _diff(home: Path, digest: str) -> bytes:
    path = home / "diffs" / f"{digest}.patch"
    content = path.read_bytes() if path.is_file() else b""
    if sha256_hex(content) != digest:
        raise DigestMismatch(
            "the uncommitted changes of its run are gone or were changed", where=str(path), wanted=f"sha256 {digest}",
            found=f"sha256 {sha256_hex(content)}" if content else "no such file", next_step="Restore it from a backup.")
    return content
