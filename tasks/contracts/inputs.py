"""What a stage depends on, as dvc.yaml states it. Checkpoints are keyed by the digest of it all."""

from pathlib import Path
from typing import Any

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.contracts.errors import NotAWorkspace, ParamsInvalid
from tasks.contracts.places import CHECKPOINTS, PARAMS, home
from tasks.contracts.yaml_text import read_yaml


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
    entry = _entry(stage)
    params = read_yaml(PARAMS.read_text(encoding="utf-8"))
    return sha256_hex(canonical_json({
        "deps": {name: _content(Path(name)) for name in entry.get("deps", [])},
        "params": {name: _setting(params, name) for name in entry.get("params", [])}}))


def require_dep(stage: str, path: Path) -> None:
    """Refuse a file or folder that a setting makes a stage read and that is not below one of its deps.

    A change of it would not run the stage again, and no record would say that it made the model.

    Raises:
        ParamsInvalid: dvc.yaml does not name it.
        NotAWorkspace: there is no dvc.yaml here, or it has no such stage.
    """
    place, here = path.resolve(), Path.cwd().resolve()
    deps = {Path(name).resolve() for name in _entry(stage).get("deps", [])}
    if deps.isdisjoint((place, *place.parents)):
        folder = place if place.is_dir() else place.parent
        named = folder.relative_to(here) if folder.is_relative_to(here) else folder
        step = (f"Name its folder {named.as_posix()}" if folder != here else
                "Move it into a folder of its own and name that")
        raise ParamsInvalid(
            f"is read by the stage {stage}, and a change of it would not run the stage again", where=path.as_posix(),
            wanted=f"a place below the deps of {stage} in dvc.yaml", next_step=f"{step} under those deps.")


def _entry(stage: str) -> dict[str, Any]:
    try:
        found = read_yaml(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    except (FileNotFoundError, KeyError):
        raise NotAWorkspace(f"dvc.yaml has no stage {stage}", where=str(Path.cwd()),
                            next_step="Run this in the root of a Hallmark checkout.") from None
    return dict(found)


def _setting(params: object, dotted: str) -> object:
    """The value at `a.b`; None where it is not set, as for DVC."""
    for name in dotted.split("."):
        params = params.get(name) if isinstance(params, dict) else None
    return params


def _content(path: Path) -> object:
    if path.is_dir():
        return {one.relative_to(path).as_posix(): file_sha256(one) for one in sorted(path.rglob("*")) if one.is_file()}
    return file_sha256(path)
