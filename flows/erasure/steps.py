"""The steps of an erasure, each of which finds out itself what is left to do."""

from collections.abc import Sequence
from pathlib import Path

from flows.data import versions as data_versions
from flows.desk import Desk
from flows.dvc_repo import dvc_repo
from flows.erasure.claims import write_claims
from flows.erasure.data_rows import Found
from flows.erasure.files import held, remove
from flows.erasure.known_objects import keep_list
from flows.erasure.looking import Say, searching
from flows.erasure.objects import Search, going
from flows.erasure.rewriting import write_without
from flows.erasure.searching import holds
from flows.erasure.stores import CACHE, Store, faults, run_cache
from flows.erasure.work import Work, keep_work
from flows.scheduling.data_watch import DATA, DATA_DVC, files
from tasks.contracts.errors import ServiceUnreachable


def rewrite(root: Path, relpath: str, lines: Sequence[Found]) -> None:
    """Put a data file without these lines in its place, whole or not at all; a checksum beside it follows."""
    path = root / DATA / relpath
    draft = root / ".dvc" / "tmp" / f"forget-{path.name}"
    draft.parent.mkdir(parents=True, exist_ok=True)
    write_without(path, {one.line for one in lines}, draft)
    write_claims(path, draft)
    draft.replace(path)


def new_version(desk: Desk) -> int | None:
    """Have DVC name data/ as it lies now, and the ledger too; None where there is no data."""
    if (desk.root / DATA_DVC).is_file() and files(desk.root):
        with dvc_repo(desk.root) as repo, faults("data.dvc"):
            repo.add(str(DATA))
    made = data_versions.record(desk, "rows forgotten")
    return made.version if made else None


def delete_objects(desk: Desk, work: Work, say: Say) -> tuple[Work, list[ServiceUnreachable]]:
    """Delete from the cache and every remote what held the rows, after the new data version was pushed there."""
    with searching(desk) as (found, known, scratch, silent):
        keep = kept_objects(desk.root)
        gone = going(found, Search(work.needles, desk.params.data, known, keep, scratch, say))
        work = keep_work(desk.home, work.going(gone.by_store, gone.paths, gone.unseen))
        for store in found:
            names = [name for name in work.deleted.get(store.name, ()) if name not in keep]
            say(f"deleting {len(names)} objects from {store.name}")
            try:
                keep_lists(desk.home, store, names, scratch)
                push(desk.root, store, [work.paths[name] for name in names])
                take(store, names)
            except ServiceUnreachable as fault:
                silent.append(fault)
    forget_runs(desk.root, {name for names in work.deleted.values() for name in names})
    return work, silent


def keep_lists(home: Path, store: Store, names: Sequence[str], scratch: Path) -> None:
    """Keep what the folders named that go."""
    for name in names:
        if name.endswith(".dir") and store.odb.exists(name):
            keep_list(home, name, store.path(name, scratch).read_bytes())


def push(root: Path, store: Store, paths: Sequence[str]) -> None:
    """Push the new data version to a remote that had the old one, so that no clone is left without data."""
    if store.name != CACHE and any(Path(path).parts[:1] == DATA.parts for path in paths):
        with dvc_repo(root) as repo, faults(f"{store.name} ({store.place})"):
            repo.push(targets=[str(DATA_DVC)], remote=store.name)


def take(store: Store, names: Sequence[str]) -> None:
    """Delete objects from a store."""
    for name in names:
        store.delete(name)
    if names and store.name != CACHE:
        store.forget_what_was_there()


def kept_objects(root: Path) -> frozenset[str]:
    """The objects of data/ as it lies now."""
    digest = data_versions.folder_md5(root)
    return frozenset({*data_versions.file_md5s(root), *([digest] if digest else [])})


def forget_runs(root: Path, names: set[str]) -> None:
    """Remove DVC's notes of stages whose outputs are gone, or it would try to restore them."""
    patterns = [name.encode() for name in names]
    for path in sorted(run_cache(root).glob("*/*/*")):
        if holds(path, patterns):
            path.unlink()


def remove_files(desk: Desk, work: Work) -> Work:
    """Remove outputs, logs and kept samples that hold text of the rows."""
    with searching(desk) as (found, *_):
        seen = held(desk.root, desk.home, work.needles, [one.folder for one in found if one.folder])
    work = keep_work(desk.home, work.going({}, {}, work.unseen, [shown(path, desk) for path in seen.goes]))
    remove(seen.goes)
    return work


def shown(path: Path, desk: Desk) -> str:
    """A path as records have it: from the workspace's root, or below the state folder as `<state>/…`."""
    for folder, name in ((desk.home.absolute(), "<state>"), (desk.root.absolute(), "")):
        if path.absolute().is_relative_to(folder):
            return (Path(name) / path.absolute().relative_to(folder)).as_posix()
    return str(path)
