"""The digest of everything that a stage depends on, as dvc.yaml states it. Checkpoints are keyed by it."""

from pathlib import Path

import yaml

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.contracts.errors import NotAWorkspace
from tasks.contracts.places import CHECKPOINTS, PARAMS, home


def checkpoint_folder(stage: str) -> Path:
    """Where a stage keeps its checkpoints: outside its outputs, which DVC removes before each run.

    The same inputs lead to the same folder and so resume; other inputs start afresh.
    """
    return home() / CHECKPOINTS / stage / stage_digest(stage)


def stage_digest(stage: str) -> str:
    """Return the sha256 over a stage's dependencies (path and content) and its sections of params.yaml.

    Raises:
        NotAWorkspace: there is no dvc.yaml here, or it has no such stage.
    """
    try:
        entry = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    except (FileNotFoundError, KeyError):
        raise NotAWorkspace(f"dvc.yaml has no stage {stage}", where=str(Path.cwd()),
                            next_step="Run this in the root of a Hallmark checkout.") from None
    params = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    return sha256_hex(canonical_json({
        "deps": {name: _content(Path(name)) for name in entry.get("deps", [])},
        "params": {name: _setting(params, name) for name in entry.get("params", [])}}))


def _setting(params: object, dotted: str) -> object:
    """The value at `a.b`; None where it is not set, as for DVC."""
    for name in dotted.split("."):
        params = params.get(name) if isinstance(params, dict) else None
    return params


def _content(path: Path) -> object:
    if path.is_dir():
        return {one.relative_to(path).as_posix(): file_sha256(one) for one in sorted(path.rglob("*")) if one.is_file()}
    return file_sha256(path)
