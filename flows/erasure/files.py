"""Files outside of DVC that hold text of forgotten rows: outputs in build/, logs, kept samples, checkpoints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.erasure.needles import Needles
from flows.erasure.searching import WEIGHTS, holds
from flows.erasure.stores import is_object
from flows.erasure.work import folder as notes
from flows.rebuild.worktree import REBUILDS
from tasks.contracts.places import BUILD, CHECKPOINTS

STAYS = ("ledger", "erased", "keys", "manifests", "bundles", "files", "prefect")  # below home(): named, never removed
MODELS = "models"  # below MLflow's artifacts: the bytes of registered versions


@dataclass(frozen=True)
class Held:
    """Files that hold text of the rows."""

    goes: Sequence[Path]
    stays: Sequence[Path]  # what a record or a registered model rests on


def held(root: Path, home: Path, needles: Needles, stores: Iterable[Path]) -> Held:
    """What lies in build/ and in the state folder, each file searched; resumable states of training go unsearched.

    A rebuild that was kept has a workspace and a state folder of its own, with shards and resumable states in them.

    Args:
        stores: folders of DVC's cache and remotes, whose objects are searched elsewhere.
    """
    texts, shards = needles.of_text(), needles.of_text_and_shards()
    goes = [path for path in _files(root / BUILD) if holds(path, shards)]
    rebuilds = home / REBUILDS
    states = [home / CHECKPOINTS, *sorted(rebuilds.glob(f"*/state/{CHECKPOINTS}"))]
    goes += [path for folder in states for path in _files(folder)]
    apart, folders = [one.absolute() for one in (notes(home), *states)], [one.absolute() for one in stores]
    found = [path for path in _files(home) if not _is_below(path, apart)
             and not (is_object(path) and _is_below(path, folders))
             and holds(path, shards if path.is_relative_to(rebuilds) else texts)]
    return Held([*goes, *(path for path in found if not _stays(path, home))],
                [path for path in found if _stays(path, home)])


def remove(paths: Iterable[Path]) -> None:
    """Remove files; nothing happens where one is gone already."""
    for path in paths:
        path.unlink(missing_ok=True)


def _stays(path: Path, home: Path) -> bool:
    parts = path.relative_to(home).parts
    return parts[0].startswith(STAYS) or ".db" in path.name or _is_model(parts)


def _is_model(parts: Sequence[str]) -> bool:
    return parts[0] == "mlartifacts" and MODELS in parts[1:3]


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.absolute().is_relative_to(folder) for folder in folders)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink() and path.suffix != WEIGHTS:
            yield path
