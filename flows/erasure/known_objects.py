"""What DVC's objects are: every data.dvc and dvc.lock that git, the kept files and the workspace have, read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flows.data.versions import KIND, data_versions
from flows.erasure.stores import Store, listed
from flows.lineage.reading import kept_text
from flows.lineage.versions import registrations, told
from flows.scheduling.data_watch import DATA, DATA_DVC
from tasks.contracts.places import DVC_LOCK
from tasks.contracts.yaml_text import read_yaml
from tasks.records.git import git_output
from tasks.records.ledger import Ledger
from tasks.records.whole_files import write_whole


@dataclass
class Known:
    """Name of an object -> the path in the workspace that it was, folders ending in `.dir`."""

    paths: dict[str, str] = field(default_factory=dict)

    def data_file(self, name: str) -> str | None:
        """Where in data/ an object lay; None where it was something else."""
        path = Path(self.paths.get(name, ""))
        return path.relative_to(DATA).as_posix() if path.is_relative_to(DATA) and path != DATA else None


def known_objects(root: Path, ledger: Ledger, found: Sequence[Store], scratch: Path) -> Known:
    """Every object that a data version or a stage's output was, of this and all earlier commits and versions."""
    known = Known()
    for text in _texts(root, ledger):
        known.paths |= dict(_outputs(text))
    known.paths |= {one.data: DATA.as_posix() for one in data_versions(told(ledger.entries_of([KIND])))}
    for name, path in list(known.paths.items()):
        if name.endswith(".dir"):
            held = _folder(name, found, scratch) or listed(kept_list(ledger.home, name))
            known.paths |= {md5: f"{path}/{relpath}" for relpath, md5 in held.items()}
    return known


def keep_list(home: Path, name: str, content: bytes) -> None:
    """Keep the list of a folder that is about to be deleted: what else it named must be known to later erasures."""
    path = kept_list(home, name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def kept_list(home: Path, name: str) -> Path:
    """Where the list of a deleted folder lies; it has names and md5s, no text."""
    return home / "erased" / name


def _texts(root: Path, ledger: Ledger) -> Iterator[str]:
    for path in (root / DATA_DVC, root / DVC_LOCK):
        if path.is_file():
            yield path.read_text(encoding="utf-8")
    kept = {one.files.get(DVC_LOCK.as_posix()) for one in registrations(told(ledger.entries_of(["registered"])))}
    yield from (text for digest in kept if (text := kept_text(ledger.home, digest)) is not None)
    yield from _committed(root)


def _committed(root: Path) -> Iterator[str]:
    """What data.dvc and dvc.lock were in every commit of every branch, each content once."""
    said = git_output(root, "log", "--all", "--raw", "--no-abbrev", "--no-renames", "-m", "--format=", "--",
                      str(DATA_DVC), str(DVC_LOCK)).decode()
    blobs = {line.split()[3] for line in said.splitlines() if line.startswith(":")} - {"0" * 40, "0" * 64}
    asked = "".join(f"{one}\n" for one in sorted(blobs)).encode()
    rest = git_output(root, "cat-file", "--batch", stdin=asked) if blobs else b""
    while rest:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        yield rest[:size].decode("utf-8", "replace")
        rest = rest[size + 1:]


def _outputs(text: str) -> Iterator[tuple[str, str]]:
    """Each output, and what was read from data/, of a data.dvc or dvc.lock: name and path."""
    try:
        said: Any = read_yaml(text)
        listed_outs = [*said.get("outs", []), *(one for stage in said.get("stages", {}).values()
                                                for one in (*stage.get("outs", []), *_of_data(stage)))]
        yield from ((one["md5"], one["path"]) for one in listed_outs if "md5" in one)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):  # a commit of something that was none
        return


def _of_data(stage: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in stage.get("deps", []) if Path(one["path"]).parts[:1] == DATA.parts]


def _folder(name: str, found: Sequence[Store], scratch: Path) -> dict[str, str]:
    """What a folder held, from the first store that has it; nothing where none has."""
    for store in found:
        if store.odb.exists(name):
            return listed(store.path(name, scratch))
    return {}
