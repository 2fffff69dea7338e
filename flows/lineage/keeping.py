"""What a registration keeps of a run, so that its rows, settings and packages can be named when build/ is long gone."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.run import Run
from tasks.contracts.canonical import file_sha256, sha256_hex
from tasks.contracts.places import CHECKED, CONSTRAINTS, DVC_LOCK, METRICS, PARAMS, PREPARED
from tasks.data.origins import ORIGINS
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS, INDEX, MANIFESTS, POLICY_MIX, ROWS
from tasks.records.whole_files import write_whole

KEPT = (PARAMS, DVC_LOCK, CONSTRAINTS, CHECKED / "report.json", CHECKED / ORIGINS)  # without text of rows


@dataclass(frozen=True)
class Kept:
    """Digests of what was kept. `manifests`: use -> root and number of rows, empty where prepare_data wrote none."""

    manifests: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]  # path in the workspace -> sha256

    def payload(self) -> dict[str, Any]:
        return {"manifests": {use: dict(one) for use, one in self.manifests.items()}, "files": dict(self.files)}


def keep(run: Run) -> Kept:
    """Copy the manifests and the small files of a run into the state folder, each under its digest.

    Raises:
        DigestMismatch: a manifest lists other rows than prepare_data said; nothing of it was kept.
    """
    metrics = sorted(path.relative_to(run.root) for path in (run.root / METRICS).glob("*.json"))  # DVC caches none
    return Kept(keep_manifests(run), {
        path.as_posix(): keep_copy(run.home, run.root / path)
        for path in (*KEPT, *metrics) if (run.root / path).is_file()})


def refused_report(run: Run, stage: str) -> dict[str, str]:
    """Keep the report of a check_data that refused the data: `report` and its sha256; empty for other stages."""
    path = run.root / CHECKED / "report.json"
    return {"report": keep_copy(run.home, path)} if stage == "check_data" and path.is_file() else {}


def keep_file(home: Path, content: bytes) -> str:
    """Write <home>/files/SHA256, whole or not at all, and return the sha256."""
    digest = sha256_hex(content)
    path = kept_file(home, digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return digest


def keep_copy(home: Path, source: Path) -> str:
    """Keep a file of any size as keep_file does, and return its sha256."""
    draft = kept_file(home, f".{source.name}.{os.getpid()}.draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, draft)
    digest = file_sha256(draft)  # of the copy: the source may change meanwhile
    if kept_file(home, digest).exists():
        draft.unlink()
    else:
        draft.replace(kept_file(home, digest))
    return digest


def kept_file(home: Path, digest: str) -> Path:
    """Where a kept file lies."""
    return home / "files" / digest


def manifest_roots(run: Run) -> dict[str, str]:
    """Use -> Merkle root of the rows that went into it, as prepare_data wrote them down."""
    index = _index(run)
    roots = {ALL_ROWS: index["merkle_root"], **index.get("manifests", {})}
    if run.params.ppo.mix.coefficient and "sft_train" in roots:
        roots[POLICY_MIX] = roots["sft_train"]
    return roots


def _index(run: Run) -> dict[str, Any]:
    return dict(json.loads((run.root / PREPARED / INDEX).read_text(encoding="utf-8")))


def keep_manifests(run: Run) -> dict[str, dict[str, Any]]:
    """Keep the row manifests of a run's data and return use -> root and number of rows; empty where there are none.

    Raises:
        DigestMismatch: a manifest lists other rows than prepare_data said; nothing of it was kept.
    """
    folder, store = run.root / PREPARED, ManifestStore(run.home)
    if not (folder / INDEX).is_file() or "manifests" not in _index(run):  # no such stage, or an earlier release
        return {}
    roots = manifest_roots(run)
    before = _last_roots(run.ledger.entries("registered"))
    places = {use: folder / MANIFESTS / use for use in roots}
    places |= {ALL_ROWS: folder / ROWS, POLICY_MIX: folder / MANIFESTS / "sft_train"}
    return {use: {"root": root, "rows": store.keep(places[use], root, before.get(use))} for use, root in roots.items()}


def _last_roots(registrations: Sequence[Any]) -> dict[str, str]:
    """The roots of the version before, which this one's may differ little from."""
    said = registrations[-1].payload.get("manifests", {}) if registrations else {}
    return {use: one["root"] for use, one in said.items()}
