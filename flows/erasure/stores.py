"""DVC's cache and remotes as stores of objects that are named by their md5."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.dvc_repo import dvc_repo
from tasks.contracts.errors import HallmarkError, ServiceUnreachable

CACHE = "cache"
_OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass
class Store:
    """The cache, or one remote. Every fault of its library is ServiceUnreachable, which names the store."""

    name: str
    place: str  # for messages
    odb: Any = field(repr=False)  # dvc_data's HashFileDB
    folder: Path | None  # where it lies on this machine; None: elsewhere

    def objects(self) -> list[str]:
        """The names of all objects."""
        if self.folder is not None:
            return sorted(one.parent.name + one.name for one in self.folder.glob("*/*") if is_object(one))
        with self._faults():
            return sorted(self.odb.all())

    def path(self, name: str, scratch: Path) -> Path:
        """A file with the bytes of an object: its own place, or a copy in a scratch folder."""
        if self.folder is not None:
            return self.folder / name[:2] / name[2:]
        copy = scratch / name
        if not copy.exists():
            with self._faults():
                self.odb.fs.get_file(self.odb.oid_to_path(name), str(copy))
        return copy

    def delete(self, name: str) -> None:
        """Delete an object; nothing happens where it is gone already."""
        with self._faults():
            if self.odb.exists(name):
                self.odb.delete(name)

    def forget_what_was_there(self) -> None:
        """Clear what DVC remembers of a remote's folders, or a push would leave out what is no longer there."""
        from dvc_data.hashfile.db import get_index

        with self._faults():
            get_index(self.odb).clear()

    def refuse_unreachable(self) -> None:
        """Raise ServiceUnreachable where the store does not answer, or its folder is not there."""
        with self._faults():
            if self.folder is None:
                self.odb.fs.exists(self.odb.path)
            elif self.name != CACHE and not self.folder.parent.parent.is_dir():  # below it: files/md5
                raise ServiceUnreachable(
                    "the remote's folder is not there", where=f"remote {self.name}", wanted=self.place,
                    next_step="Mount or make it, and give the same command again: it goes on from here.")

    def _faults(self) -> AbstractContextManager[None]:
        return faults(f"{self.name} ({self.place})")


@contextmanager
def faults(where: str) -> Iterator[None]:
    """Whatever DVC and the libraries below it raise is ServiceUnreachable; each cloud's has errors of its own."""
    try:
        yield
    except HallmarkError:
        raise
    except Exception as fault:
        raise ServiceUnreachable(
            "DVC could not read or write it", where=where,
            found=f"{type(fault).__name__}: {' '.join(str(fault).split())[:200]}",
            next_step="See that it can be reached and written, and give the same command again: it goes on from "
                      "here.") from fault


def stores(root: Path, home: Path) -> list[Store]:
    """The cache first, then every remote of .dvc/config, in its order.

    Raises:
        ServiceUnreachable: DVC cannot make sense of its config.
    """
    with faults(str(root / ".dvc/config")), dvc_repo(root) as repo:
        found = [Store(CACHE, repo.cache.local.path, repo.cache.local, Path(repo.cache.local.path))]
        for name, said in repo.config["remote"].items():
            remote = repo.cloud.get_remote(name)
            local = remote.fs.protocol == "local" or "local" in tuple(remote.fs.protocol)
            folder = Path(remote.odb.path) if local else None
            if folder is not None and folder.is_relative_to(home.absolute()):
                folder.mkdir(parents=True, exist_ok=True)  # our own store, which nothing was pushed to yet
            found.append(Store(name, _without_password(said["url"]), remote.odb, folder))
    return found


def run_cache(root: Path) -> Path:
    """The folder in which DVC notes which outputs a stage made of which inputs."""
    with dvc_repo(root) as repo:
        return Path(repo.cache.legacy.path) / "runs"


def is_object(path: Path) -> bool:
    """Whether a file's place is that of an object: 2 and 30 characters of its md5; not what DVC left half copied."""
    return path.is_file() and bool(_OBJECT.fullmatch(path.parent.name + path.name))


def listed(path: Path) -> dict[str, str]:
    """Of a `.dir` object: path in the folder -> md5. Empty where it is damaged."""
    try:
        return {one["relpath"]: one["md5"] for one in json.loads(path.read_bytes())}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
