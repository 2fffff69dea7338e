"""What a version was made from: code, packages, machine, and the models before it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.lineage.keeping import kept_file
from flows.lineage.reading import kept_text
from flows.lineage.versions import NOT_RECORDED, Names, Registration, Told, registrations
from tasks.contracts.places import CONSTRAINTS, PARAMS
from tasks.contracts.yaml_text import read_yaml
from tasks.records.bundle import read_own_bundle

MACHINE = ("hardware", "python", "processor", "gpu", "driver", "cuda")


def made_from(home: Path, entries: Sequence[Told], names: Names, one: Registration) -> dict[str, Any]:
    """Commit, uncommitted changes, packages, machine and parents of a version.

    Raises:
        DigestMismatch: the evidence bundle, which names the parents, is not what was recorded.
    """
    started = next(
        (entry for entry in entries if entry.kind == "run started" and entry.payload["run"] == one.run), None)
    said: Mapping[str, Any] = started.payload if started else {}
    parents = parents_of(home, entries, names, one)
    return {
        "name": one.name, "version": one.version, "digest": one.digest, "run": one.run,
        "started": started.time if started else NOT_RECORDED, "started_by": started.actor if started else NOT_RECORDED,
        "commit": said.get("commit", NOT_RECORDED), "dirty": said.get("dirty", NOT_RECORDED),
        "diff": diff_of(home, said), "settings": kept(home, one.files.get(PARAMS.as_posix())),
        "packages": packages(home, one, said),
        **{key: said.get(key, NOT_RECORDED) for key in MACHINE}, "parents": parents,
        "entries": sorted({one.entry} | ({started.index} if started else set())
                          | {parent["entry"] for parent in parents if parent["entry"] is not None})}


def diff_of(home: Path, started: Mapping[str, Any]) -> dict[str, str] | None:
    """The patch of a dirty tree, and where it lies; None where the tree was clean."""
    digest = started.get("diff_sha256")
    if digest is None:
        return None
    path = home / "diffs" / f"{digest}.patch"
    return {"sha256": digest, "path": str(path) if path.is_file() else "not kept"}


def kept(home: Path, digest: str | None) -> dict[str, str]:
    """A small file of the run: its digest, and where it lies while its bytes are those."""
    if digest is None:
        return {"sha256": NOT_RECORDED, "path": "not kept"}
    whole = kept_text(home, digest) is not None
    return {"sha256": digest, "path": str(kept_file(home, digest)) if whole else "not kept"}


def packages(home: Path, one: Registration, started: Mapping[str, Any]) -> dict[str, Any]:
    """The lock file, what was installed, and where the two differ; a `+cpu` behind a version is no difference."""
    lock, digest = one.files.get(CONSTRAINTS.as_posix()), started.get("packages_sha256")
    locked, installed = pins(kept_text(home, lock)), pins(kept_text(home, digest))
    differ = [{"package": name, "locked": wanted, "installed": installed.get(name)} for name, wanted in locked.items()
              if installed.get(name, "").partition("+")[0] != wanted] if installed else NOT_RECORDED
    return {"lock": kept(home, lock), "installed": kept(home, digest), "versions": installed or locked or NOT_RECORDED,
            "differ": differ}


def pins(text: str | None) -> dict[str, str]:
    """Package, its name as PyPI normalises it -> version."""
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", text or "", re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def parents_of(home: Path, entries: Sequence[Told], names: Names, one: Registration) -> list[dict[str, Any]]:
    """Base, SFT, reward and reference model: digest, registered version where there is one, entry.

    The reference of the KL is the SFT model, from which the policy starts.
    """
    models: Mapping[str, str] = dict(read_own_bundle(home, one.bundle)).get("models", {})  # type: ignore[assignment]
    beside = next((other for other in reversed(registrations(entries, names.reward_model))
                   if other.bundle == one.bundle), None)
    settings = read_yaml(kept_text(home, one.files.get(PARAMS.as_posix())) or "") or {}
    given = (settings.get("base") or {}).get("path")
    found = [_parent("base", models.get("base"), one, note=f"given as {given}" if given else ""),
             _parent("sft", models.get("sft"), one),
             _parent("reward", models.get(names.reward_model), one, beside),
             _parent("reference", models.get("sft"), one, note="the SFT model")]
    return found[:2] if one.name == names.reward_model else found


def _parent(role: str, digest: str | None, one: Registration, registered: Registration | None = None, note: str = "",
            ) -> dict[str, Any]:
    return {"role": role, "digest": digest or NOT_RECORDED, "note": note,
            "name": registered.name if registered else None, "version": registered.version if registered else None,
            "entry": registered.entry if registered else one.entry if digest else None}
