"""The note of an erasure that is at work: what a second call needs to go on after a kill. Gone when it has ended.

It is the one place that holds text of the forgotten rows while their files are rewritten, so its owner alone reads it.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flows.erasure.needles import Needles, needles_of
from tasks.contracts.errors import Fault

NOTE = "work.json"


@dataclass(frozen=True)
class Work:
    """One erasure.

    Args:
        deleted: store -> objects that go, written down before the first of them goes.
        paths: object -> what it was.
        removed: files of the workspace and of the state folder that go.
    """

    id: str
    actor: str
    rows: tuple[str, ...]
    reason: str
    texts: tuple[str, ...]
    affected: tuple[Mapping[str, Any], ...]
    data_before: int | None
    rewritten: Mapping[str, int]  # file of data/ -> lines that went
    deleted: Mapping[str, Sequence[str]]
    paths: Mapping[str, str]
    removed: Sequence[str]
    unseen: Mapping[str, int]

    @property
    def needles(self) -> Needles:
        return needles_of(self.rows, self.texts)

    def going(self, by_store: Mapping[str, Sequence[str]], paths: Mapping[str, str], unseen: Mapping[str, int],
              removed: Sequence[str] = ()) -> "Work":
        """With more that goes: a second call finds what the first had not deleted, and forgets nothing of it."""
        stores = {*self.deleted, *by_store}
        return replace(
            self, deleted={one: sorted({*self.deleted.get(one, ()), *by_store.get(one, ())}) for one in stores},
            paths={**paths, **self.paths}, unseen=unseen, removed=sorted({*self.removed, *removed}))


def folder(home: Path) -> Path:
    """Where the notes lie."""
    return home / "erasures"


def keep_work(home: Path, work: Work) -> Work:
    """Write the note, whole or not at all, and return the work."""
    path = folder(home) / work.id / NOTE
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{NOTE}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(work), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return work


def open_work(home: Path) -> list[Work]:
    """Every erasure that has not ended, oldest first."""
    return [_read(path) for path in sorted(folder(home).glob(f"*/{NOTE}"))]


def end_work(home: Path, work: Work) -> None:
    """Remove the note, and with it the last text of the rows."""
    shutil.rmtree(folder(home) / work.id)


def _read(path: Path) -> Work:
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lists: dict[str, Any] = {key: tuple(said[key]) for key in ("rows", "texts", "affected", "removed")}
        return Work(**{**said, **lists})
    except (ValueError, TypeError, KeyError) as error:
        raise Fault("is no note of an erasure", where=str(path), found=str(error)[:200],
                    next_step="Remove its folder and give `hallmark data forget ROW` again.") from None
