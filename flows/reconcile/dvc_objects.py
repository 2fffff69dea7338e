"""DVC's cache and remotes against the ledger: each object that a version needs is there, with the bytes of its name."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flows.data.dvc_digests import file_md5
from flows.erasure.stores import CACHE, Store, stores
from flows.reconcile.findings import LARGE_BYTES, Finding, Ground
from flows.reconcile.needed import Need, needed
from tasks.contracts.errors import ServiceUnreachable


def compare(ground: Ground) -> Iterator[Finding]:
    """Objects of the cache, and with --deep of the remotes, that are missing or hold other bytes than their name says.

    An object that is in no remote was never pushed, or is gone from there: that is a finding only where it is nowhere.
    """
    found = stores(ground.root, ground.home)
    wanted = needed(ground.root, ground.home, ground.entries, ground.registered, found)
    wanted = {name: why for name, why in wanted.items() if not ground.gone.has(name)}
    for store in found if ground.deep else found[:1]:
        yield from _store(ground, store, wanted, found)


def _store(ground: Ground, store: Store, wanted: Mapping[str, Need], every: Sequence[Store]) -> Iterator[Finding]:
    there = set(store.objects())
    with tempfile.TemporaryDirectory(prefix="hallmark-objects-") as scratch:
        for number, (name, why) in enumerate(wanted.items(), 1):
            if number % 200 == 0:
                ground.say(f"DVC: object {number} of {len(wanted)} in {store.name}")
            if name in there:
                yield from _bytes(ground, store, name, why, Path(scratch), every)
            elif store.name == CACHE and not (name in ground.gone.left_cache and _remote_of(name, every)):
                yield Finding("dvc", "garbage-collected", f"object {name[:12]} in the cache: {why}", f"md5 {name}",
                              "nothing", why.entry, _restore(name, every))


def _bytes(
    ground: Ground, store: Store, name: str, why: Need, scratch: Path, every: Sequence[Store]
) -> Iterator[Finding]:
    path = store.path(name, scratch)
    if not ground.deep and path.stat().st_size > LARGE_BYTES:
        return
    found = file_md5(path)
    if found != name.removesuffix(".dir"):
        yield Finding("dvc", "edited", f"object {name[:12]} in {_place(store)}: {why}", f"md5 {name}", f"md5 {found}",
                      why.entry, f"Delete {path} first. " + _restore(name, every, but=store.name))
    if store.folder is None:
        path.unlink()  # a copy


def _place(store: Store) -> str:
    return "the cache" if store.name == CACHE else f"the remote {store.name}"


def _restore(name: str, every: Sequence[Store], but: str = CACHE) -> str:
    """Where a whole copy of an object is, in words."""
    remote = _remote_of(name, every, but)
    if remote is None:
        return "No remote has it: restore it from a backup, or `hallmark audit rebuild` makes the version again."
    return f"`dvc fetch -r {remote}` restores it, in a checkout of the commit with the version's dvc.lock."


def _remote_of(name: str, every: Sequence[Store], but: str = CACHE) -> str | None:
    """A remote that holds an object whole."""
    return next((store.name for store in every if store.name not in (CACHE, but) and holds(store, name)), None)


def holds(store: Store, name: str) -> bool:
    """Whether a store has an object; where it lies on this machine, with the bytes of its name."""
    try:
        if store.folder is None:
            return bool(store.odb.exists(name))
        path = store.folder / name[:2] / name[2:]
        return path.is_file() and file_md5(path) == name.removesuffix(".dir")
    except (ServiceUnreachable, OSError):
        return False
