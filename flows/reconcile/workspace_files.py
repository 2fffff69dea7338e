"""data/ against data.dvc, and build/ against dvc.lock, file by file."""

from collections.abc import Iterator
from pathlib import Path

from flows.data import versions as data_versions
from flows.data.dvc_digests import file_md5
from flows.dvc_lock import NO_STAGE, read_locks
from flows.erasure.stores import CACHE, listed, stores
from flows.promotion import history
from flows.reconcile.findings import Finding, Ground, by_key
from tasks.contracts.places import DVC_LOCK
from tasks.contracts.yaml_text import read_yaml
from tasks.records.digests import stage_lock_digest

DATA = "data"


def compare(ground: Ground) -> Iterator[Finding]:
    """What lies in the workspace and is not what DVC's files say of it."""
    cache = next(store.folder for store in stores(ground.root, ground.home) if store.name == CACHE)
    assert cache is not None  # DVC's cache is a folder
    ground.say("the workspace")
    yield from _data(ground, cache)
    yield from _build(ground, cache)


def _data(ground: Ground, cache: Path) -> Iterator[Finding]:
    said = ground.root / "data.dvc"
    if not said.is_file() or not (ground.root / DATA).is_dir():
        return
    outs = read_yaml(said.read_text(encoding="utf-8"))["outs"]
    name = str(outs[0]["md5"])
    known = [one for one in data_versions.data_versions(ground.entries) if one.data == name]
    yield from _folder(ground, DATA, name, cache, known[0].entry if known else None,
                       "`hallmark data add` makes a data version of a change; `dvc checkout data.dvc` undoes it.")


def _build(ground: Ground, cache: Path) -> Iterator[Finding]:
    """Outputs of stages that the last run finished with; a run that broke off leaves parts, which is no finding."""
    finished = ground.of("stages finished")
    if not finished or history.open_runs(ground.entries) or _broke_off_since(ground, finished[-1].index):
        return
    here = ground.root / DVC_LOCK
    locks = read_locks(here.read_text(encoding="utf-8") if here.is_file() else None)
    for stage in finished[-1].payload["stages"]:
        if stage["lock"] != stage_lock_digest(ground.root, stage["name"]):
            continue  # somebody ran it by hand since, or is at another commit
        for path, md5 in locks.get(stage["name"], NO_STAGE).writes.items():
            if md5 and (ground.root / path).exists():
                yield from _folder(ground, path, md5, cache, finished[-1].index,
                                   f"`dvc checkout --force {path}` puts back what the stage made.")


def _broke_off_since(ground: Ground, index: int) -> bool:
    return any(entry.kind == "stage failed" or (
        entry.kind == "run finished" and entry.payload["outcome"] == "crashed") for entry in ground.entries
        if entry.index > index)


def _folder(ground: Ground, path: str, md5: str, cache: Path, entry: int | None, next_step: str) -> Iterator[Finding]:
    here = ground.root / path
    if here.is_file():
        found = file_md5(here)
        if found != md5:
            yield Finding("disk", "edited", path, f"md5 {md5}", f"md5 {found}", entry, next_step)
        return
    wanted = listed(cache / md5[:2] / md5[2:])
    if not wanted:
        return  # the cache has lost the list, which is a finding of its own
    lies = {file.relative_to(here).as_posix(): file_md5(file) for file in here.rglob("*") if file.is_file()}
    for name, what, one, other in by_key(wanted, lies):
        yield Finding("disk", what, f"{path}/{name}", f"md5 {one}" if one else "", f"md5 {other}" if other else "",
                      entry, next_step)
