"""The data of then, brought into the worktree from the cache or a remote, and held against what was recorded."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flows.dvc_repo import dvc_repo
from flows.rebuild.contents import digest_of
from tasks.contracts.canonical import file_sha256
from tasks.contracts.errors import DigestMismatch, Fault, Refused
from tasks.contracts.yaml_text import read_yaml

if TYPE_CHECKING:
    from dvc.repo import Repo


@dataclass(frozen=True)
class Stores:
    """Where the workspace has bytes."""

    cache: Path
    remotes: Mapping[str, Mapping[str, Any]]  # name -> its settings, places absolute, secrets of the user in them

    @staticmethod
    def of(root: Path) -> "Stores":
        with opened(root) as repo:
            return Stores(Path(repo.cache.local.path).parents[1], dict(repo.config["remote"]))  # it adds files/md5


def own_cache(tree: Path, place: Path) -> Path:
    """Give the worktree a DVC cache and state of its own, both empty, and return the cache's folder."""
    cache = place / "cache"
    (tree / ".dvc/config.local").write_text(
        f"[core]\n    site_cache_dir = {place / 'dvc'}\n    analytics = false\n[cache]\n    dir = {cache}\n",
        encoding="utf-8")
    return cache


def bring_data(tree: Path, stores: Stores, wanted: Mapping[str, str]) -> None:
    """Lay down the data that DVC tracks, in the bytes that the run read, whatever data.dvc said then.

    Args:
        wanted: path -> DVC's digest.

    Raises:
        Refused: they are in neither cache nor remote any more, or a stage read what nobody tracks.
        DigestMismatch: what the cache or the remote had has other bytes.
    """
    with opened(tree) as repo:
        tracked = {Path(out.fs_path).relative_to(tree).as_posix(): Path(stage.path)
                   for stage in repo.index.stages if stage.is_data_source for out in stage.outs}
    for path, file in tracked.items():
        if any(overlap(path, one) for one in wanted):
            _name_bytes(file, Path(path).name, wanted.get(path))
            _bring(tree, stores, file, path, wanted.get(path) or _named(file, Path(path).name))
    for path, digest in wanted.items():
        if not (tree / path).exists():
            raise Refused("an input of its run is neither in its commit nor tracked by DVC", where=path)
        if any(overlap(path, one) for one in tracked):
            _refuse_other_bytes(tree, path, digest)


def bring_outputs(tree: Path, stores: Stores, wanted: Mapping[str, str]) -> None:
    """Lay down outputs of stages that are not run again, as dvc.lock names them.

    Raises:
        Refused: they are in neither cache nor remote any more.
        DigestMismatch: what the cache or the remote had has other bytes.
    """
    for path, digest in wanted.items():
        _bring(tree, stores, tree / path, path, digest)


def refuse_other_sources(tree: Path, sources: Mapping[str, str]) -> None:
    """Hold each data file against the sha256 that check_data wrote down. Raises DigestMismatch."""
    for path, sha256 in sources.items():
        found = file_sha256(tree / path) if (tree / path).is_file() else "no such file"
        if found != sha256:
            raise DigestMismatch("is not what it was then", where=path, wanted=f"sha256 {sha256}",
                                 found=found)


def overlap(a: str, b: str) -> bool:
    """Whether one path is the other, or lies below it."""
    return a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/")


@contextmanager
def opened(root: Path, settings: Mapping[str, Any] | None = None) -> Iterator["Repo"]:
    """DVC's view of a folder. Raises Fault where DVC cannot read it."""
    from dvc.exceptions import DvcException

    with ExitStack() as stack:
        try:
            repo = stack.enter_context(dvc_repo(root, settings))
        except DvcException as error:
            raise Fault("DVC cannot read this folder", where=str(root), found=" ".join(str(error).split())) from error
        yield repo


def _name_bytes(file: Path, name: str, digest: str | None) -> None:
    """Have a .dvc file name the bytes that the run read: somebody may have changed them without `dvc add`."""
    said = read_yaml(file.read_text(encoding="utf-8"))
    for out in said["outs"]:
        if digest and out["path"] == name and out.get("md5") not in (None, digest):
            said["outs"] = [{"md5": digest, "hash": "md5", "path": name}]
            file.write_text(yaml.safe_dump(said), encoding="utf-8")
            return


def _named(file: Path, name: str) -> str | None:
    """The bytes that a .dvc file names, where a stage read but a part of them."""
    said = read_yaml(file.read_text(encoding="utf-8"))
    return next((out.get("md5") for out in said["outs"] if out["path"] == name), None)


def _bring(tree: Path, stores: Stores, target: Path, path: str, digest: str | None) -> None:
    """Lay down one target from the workspace's cache, else from a remote by way of the worktree's own cache.

    Args:
        digest: what `path` must have then; None: any bytes.
    """
    from dvc.exceptions import DvcException

    ways: list[tuple[str | None, dict[str, Any]]] = [(None, {"cache": {"dir": str(stores.cache)}})]
    ways += [(name, {"remote": {name: dict(remote)}}) for name, remote in stores.remotes.items()]
    found: DigestMismatch | None = None
    for remote, settings in ways:
        try:
            with opened(tree, settings) as repo:
                if remote is None:
                    repo.checkout(targets=[str(target)], force=True)
                else:
                    repo.pull(targets=[str(target)], remote=remote, force=True)
            return _refuse_other_bytes(tree, path, digest)
        except (DvcException, OSError, DigestMismatch) as error:  # not there, no answer, forged: the next one may do
            _clear(tree / path)
            found = error if isinstance(error, DigestMismatch) else found
    if found:
        raise found
    raise Refused("its bytes are in neither cache nor remote any more", where=path, wanted=f"md5 {digest or 'unknown'}",
                  found=f"none in the cache, none in {', '.join(stores.remotes) or 'a remote'}")


def _refuse_other_bytes(tree: Path, path: str, digest: str | None) -> None:
    found = digest_of(tree / path)
    if digest is not None and found != digest:
        raise DigestMismatch("is not what it was then", where=path, wanted=f"md5 {digest}", found=f"md5 {found}")


def _clear(path: Path) -> None:
    """Take away what a way laid down that failed: DVC would believe that it is what its cache said."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
