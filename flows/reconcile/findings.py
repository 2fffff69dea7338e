"""What is not as the ledger says: one finding a thing, by name, with what to do next."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from flows.lineage.versions import Names, Registration, Told, registrations

Where = Literal["mlflow", "dvc", "disk"]
What = Literal["edited", "deleted", "garbage-collected", "unknown", "moved"]
Say = Callable[[str], None]  # progress, a line at a time

DELETED = "deleted"  # kind of the entry of a guarded gc
VERSION = "mlflow version"  # `what` of registered versions whose retention had ended
CACHED = "dvc object in the cache"  # `what` of objects that left the cache while a remote keeps them
LARGE_BYTES = 256 * 2**20  # of one object; above it bytes are read only where everything is


@dataclass(frozen=True)
class Finding:
    """One thing that differs from the ledger."""

    where: Where
    what: What
    name: str
    wanted: str = ""
    found: str = ""
    entry: int | None = None  # index of the ledger's entry that says what it should be
    next_step: str = ""

    def __str__(self) -> str:
        said = f"{self.where}: {self.what}: {self.name}"
        differs = "; ".join(f"{word} {value}" for word, value in (("wanted", self.wanted), ("found", self.found))
                            if value)
        rests = "" if self.entry is None else f" (ledger entry {self.entry})"
        return f"{said}{': ' if differs else ''}{differs}{rests}. {self.next_step}".rstrip()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Gone:
    """What was deleted through Hallmark, which so is missed by nobody."""

    ids: frozenset[str]  # md5s of DVC objects, MLflow runs and models
    paths: tuple[str, ...]  # files that an erasure removed
    left_cache: frozenset[str] = frozenset()  # md5s that must still be in a remote

    def has(self, name: str) -> bool:
        return name in self.ids

    def has_path(self, ending: str) -> bool:
        return any(path.endswith(ending) for path in self.paths)


@dataclass(frozen=True)
class Ground:
    """All that a comparison asks."""

    root: Path
    home: Path
    entries: Sequence[Told]
    names: Names
    gone: Gone
    deep: bool
    say: Say = field(default=lambda line: None, compare=False)
    note: Say = field(default=lambda line: None, compare=False)  # what is absent and is no finding, a line a thing

    @property
    def registered(self) -> list[Registration]:
        return registrations(self.entries)

    def of(self, kind: str) -> list[Told]:
        return [entry for entry in self.entries if entry.kind == kind]


def gone(entries: Iterable[Told]) -> Gone:
    """What the ledger says was deleted: by a guarded gc, or by an erasure."""
    ids: set[str] = set()
    left_cache: set[str] = set()
    paths: list[str] = []
    for entry in entries:
        if entry.kind == DELETED and entry.payload["what"] != VERSION:  # see retention.deleted_version
            (left_cache if entry.payload["what"] == CACHED else ids).update(entry.payload["ids"])
        elif entry.kind == "erasure finished":
            ids |= {name for names in entry.payload["deleted"].values() for name in names}
            paths += entry.payload.get("removed", ())
    return Gone(frozenset(ids), tuple(paths), frozenset(left_cache))


def by_key(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[tuple[str, What, Any, Any]]:
    """Every key that differs, with how: one that is wanted and missing is `deleted`, one too many `unknown`."""
    said: list[tuple[str, What, Any, Any]] = []
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            what: What = "deleted" if key not in found else "unknown" if key not in wanted else "edited"
            said.append((key, what, wanted.get(key, ""), found.get(key, "")))
    return said
