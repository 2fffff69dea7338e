"""The objects of DVC that a registered version or a data version needs, by the dvc.lock that was kept of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from flows.data import versions as data_versions
from flows.dvc_lock import raw_data, read_locks
from flows.erasure.stores import Store, listed
from flows.lineage.reading import kept_text
from flows.lineage.versions import Registration, Told
from tasks.contracts.places import BUILD, DVC_LOCK
from tasks.contracts.yaml_text import read_yaml
from tasks.records.git import git, git_output

METRICS = f"{BUILD.as_posix()}/metrics/"  # where nobody can say what dvc.yaml said: these are never in the cache


@dataclass
class Need:
    """Why an object is needed."""

    path: str  # in the workspace
    by: list[str] = field(default_factory=list)  # versions, in the order of the ledger
    entry: int = 0  # of the first of them

    def __str__(self) -> str:
        others = f" and {len(self.by) - 1} more" if len(self.by) > 1 else ""
        return f"{self.path} of {self.by[0]}{others}"


def needed(
    root: Path, home: Path, entries: Sequence[Told], registered: Iterable[Registration], stores: Sequence[Store],
    data_since: datetime | None = None,
) -> dict[str, Need]:
    """Object -> why it is needed; what is in a folder is listed where the cache or a store here still has the list.

    Args:
        data_since: leave out earlier data versions, but for the last one and those that a version read; None: none.
    """
    found: dict[str, Need] = {}
    added = _data_in_git(root)
    versions = data_versions.data_versions(entries)
    for version in versions:
        recent = data_since is None or datetime.fromisoformat(version.time) >= data_since or version == versions[-1]
        was_cached = version.tracked or version.data in added  # else it was read without `dvc add`
        if recent and was_cached:
            _add(found, version.data, "data", f"data version {version.version}", version.entry)
    for one in _each_lock_once(registered):
        for path, md5 in outputs(root, home, entries, one, added).items():
            _add(found, md5, path, str(one), one.entry)
    for name, why in list(found.items()):
        for inside, md5 in _listed(name, stores).items():
            for by in why.by:
                _add(found, md5, f"{why.path}/{inside}", by, why.entry)
    return found


def _each_lock_once(registered: Iterable[Registration]) -> list[Registration]:
    """One registration for each kept dvc.lock: a run registers its policy, last, and its reward model with the same."""
    found: dict[tuple[str, str], Registration] = {}
    for one in registered:
        found[one.run, one.files.get(DVC_LOCK.as_posix(), "")] = one
    return list(found.values())


def outputs(
    root: Path, home: Path, entries: Iterable[Told], one: Registration, added: frozenset[str]
) -> dict[str, str]:
    """Path -> md5 of all that a version's kept dvc.lock has in the cache; empty where none was kept."""
    locks = read_locks(kept_text(home, one.files.get(DVC_LOCK.as_posix())))
    commits = [entry.payload["commit"] for entry in entries
               if entry.kind == "run started" and entry.payload["run"] == one.run]
    not_cached = uncached(root, commits[0]) if commits else frozenset()
    found = {path: md5 for stage in locks.values() for path, md5 in stage.writes.items()
             if md5 and path not in not_cached and not path.startswith(METRICS)}
    raw = {path: md5 for stage in locks for path, md5 in raw_data(locks, stage).items() if md5 in added}
    return found | raw


def uncached(root: Path, commit: str) -> frozenset[str]:
    """Outputs that dvc.yaml of a commit keeps out of the cache; none where git has the commit no more."""
    said = git(root, "show", f"{commit}:dvc.yaml")
    try:
        stages: Mapping[str, Any] = (read_yaml(said.stdout.decode()) or {}).get("stages") or {}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError):
        return frozenset()
    return frozenset(path for stage in stages.values() for key in ("outs", "metrics", "plots")
                     for one in stage.get(key, ()) if isinstance(one, dict)
                     for path, options in one.items() if isinstance(options, dict) and options.get("cache") is False)


def _data_in_git(root: Path) -> frozenset[str]:
    """Every state of data/ that was tracked once: what any commit's data.dvc, or the one here, names."""
    said = git_output(root, "log", "--all", "-p", "--format=", "--", "data.dvc").decode(errors="replace")
    here = root / "data.dvc"
    said += here.read_text(encoding="utf-8") if here.is_file() else ""
    return frozenset(re.findall(r"md5: ([0-9a-f]{32}\.dir)", said))


def _listed(name: str, stores: Sequence[Store]) -> dict[str, str]:
    if not name.endswith(".dir"):
        return {}
    places = [store.folder / name[:2] / name[2:] for store in stores if store.folder is not None]
    return next((found for place in places if place.is_file() and (found := listed(place))), {})


def _add(found: dict[str, Need], name: str, path: str, by: str, entry: int) -> None:
    why = found.setdefault(name, Need(path, entry=entry))
    if by not in why.by:
        why.by.append(by)
