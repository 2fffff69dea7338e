"""Which objects of DVC's cache and remotes hold forgotten rows, and may go."""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from flows.erasure.data_rows import Found, find, how_read
from flows.erasure.known_objects import Known
from flows.erasure.needles import Needles
from flows.erasure.searching import WEIGHTS, holds
from flows.erasure.stores import Store, listed
from tasks.contracts.data_config import DataConfig
from tasks.contracts.errors import DataRefused


@dataclass(frozen=True)
class Going:
    """Objects that go, by store, and what each was."""

    by_store: Mapping[str, Sequence[str]]
    paths: Mapping[str, str]  # name -> path in the workspace; "unknown" where nobody wrote it down
    unseen: Mapping[str, int]  # remote -> objects in it that no record names, which were not fetched to look


@dataclass(frozen=True)
class Search:
    """What is searched for, and how rows are read."""

    needles: Needles
    config: DataConfig
    known: Known
    keep: Collection[str]  # objects of the data version that stays
    scratch: Path
    say: Callable[[str], None] = lambda _: None


def going(found: Sequence[Store], search: Search) -> Going:
    """The objects to delete. Each is looked at once, wherever it lies; what cannot be told apart stays."""
    present: dict[str, list[str]] = {store.name: store.objects() for store in found}
    verdicts: dict[str, bool] = {}
    unseen: dict[str, int] = {}
    for store in found:
        search.say(f"searching {len(present[store.name])} objects of {store.name}")
        for name in present[store.name]:
            if store.folder is None and name not in search.known.paths and name not in verdicts:
                unseen[store.name] = unseen.get(store.name, 0) + 1
            elif name not in verdicts and not name.endswith(".dir"):
                verdicts[name] = name not in search.keep and is_of_rows(name, store, search)
    files = {name for name, verdict in verdicts.items() if verdict}
    gone = files | _folders_of(files, found, present, search)
    return Going({store: [name for name in names if name in gone] for store, names in present.items()},
                 {name: search.known.paths.get(name, "unknown") for name in sorted(gone)}, unseen)


def is_of_rows(name: str, store: Store, search: Search) -> bool:
    """Whether an object holds one of the rows: as a row where it was a data file, else by its text."""
    if search.known.paths.get(name, "").endswith(WEIGHTS):
        return False
    path, relpath = store.path(name, search.scratch), search.known.data_file(name)
    if relpath is not None and rows_in(path, relpath, search):
        return True
    return holds(path, search.needles.of_text_and_shards())


def rows_in(path: Path, relpath: str, search: Search) -> list[Found]:
    """The lines of a data file that are one of the rows; its name says its format, which an object has not."""
    named = search.scratch / "named" / Path(relpath).name
    named.parent.mkdir(exist_ok=True)
    named.unlink(missing_ok=True)
    named.symlink_to(path.absolute())
    try:
        return find(named, how_read(search.config, relpath), frozenset(search.needles.rows).__contains__)
    except DataRefused:  # no file of rows, or a damaged one: its text is searched
        return []
    finally:
        named.unlink()


def _folders_of(
    files: AbstractSet[str], found: Sequence[Store], present: Mapping[str, Sequence[str]], search: Search
) -> set[str]:
    """Lists of folders that name a file that goes: nobody can fetch such a folder any more."""
    lists: dict[str, bool] = {}
    for store in found:
        for name in present[store.name]:
            if name.endswith(".dir") and name not in lists and (store.folder or name in search.known.paths):
                lists[name] = not files.isdisjoint(listed(store.path(name, search.scratch)).values())
    return {name for name, names_one in lists.items() if names_one and name not in search.keep}
