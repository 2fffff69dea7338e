"""What an erasure would do, without doing it: where the rows stand, who learned from them, what would go."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.desk import Desk
from flows.erasure.affected import affected
from flows.erasure.data_rows import Found, find, how_read, shared_texts
from flows.erasure.known_objects import Known, known_objects
from flows.erasure.needles import Needles, fragments, needles_of
from flows.erasure.objects import Search, rows_in
from flows.erasure.stores import Store, stores
from flows.lineage.reading import opened
from flows.lineage.versions import registrations
from flows.scheduling.data_watch import DATA, files
from tasks.contracts.errors import DataRefused, Misused, ServiceUnreachable

Say = Callable[[str], None]


@dataclass(frozen=True)
class Look:
    """Where the rows are, in data/ and in what the ledger knows."""

    rows: tuple[str, ...]
    lines: Mapping[str, tuple[Found, ...]]  # path below data/ -> the lines that go
    needles: Needles
    affected: Sequence[Mapping[str, Any]]


def look(desk: Desk, rows: Sequence[str], say: Say) -> Look:
    """Find rows. Raises Misused where nobody knows one of them: neither data/ nor a registered version."""
    say("reading data/")
    lines, unread = lines_of(desk, rows)
    entries, store, names = opened(desk.ledger)
    roots = {said["root"] for one in registrations(entries) for said in one.manifests.values()}
    here = {found.row for some in lines.values() for found in some}
    unknown = [row for row in rows if row not in here and not (
        roots and store.holding(bytes.fromhex(row), roots)[0])]
    if unknown:
        raise Misused("nobody knows this row", where=unknown[0], wanted="a row of data/, or of a registered version",
                      found="".join(f"{name} could not be read: {why}; " for name, why in unread.items())[:300],
                      next_step="`hallmark audit who-saw --file FILE --line N` says the id of a row in a file.")
    texts = {text for some in lines.values() for found in some for text in found.texts}
    texts |= texts_elsewhere(desk, set(rows) - here, say)
    return Look(tuple(sorted(rows)), lines, searched_for(desk, rows, texts, lines),
                affected(entries, store, rows, names))


def lines_of(desk: Desk, rows: Collection[str]) -> tuple[dict[str, tuple[Found, ...]], dict[str, str]]:
    """The lines of each data file that are one of the rows, and why other files cannot be read as rows."""
    wanted, found, unread = frozenset(rows), {}, {}
    for path in files(desk.root):
        relpath = path.relative_to(desk.root / DATA).as_posix()
        try:
            lines = find(path, how_read(desk.params.data, relpath), wanted.__contains__)
        except DataRefused as refusal:
            unread[relpath] = refusal.what
            continue
        if lines:
            found[relpath] = tuple(lines)
    return found, unread


def searched_for(
    desk: Desk, rows: Collection[str], texts: Collection[str], lines: Mapping[str, Sequence[Found]]
) -> Needles:
    """The texts of the rows that no row has which stays."""
    wanted = fragments(texts)
    for path in files(desk.root):
        going_lines = {one.line for one in lines.get(path.relative_to(desk.root / DATA).as_posix(), ())}
        wanted -= shared_texts(path, wanted, going_lines)
    return needles_of(rows, wanted)


def texts_elsewhere(desk: Desk, rows: Collection[str], say: Say) -> set[str]:
    """The texts of rows that are no longer in data/, from the files of earlier data versions that still lie here."""
    if not rows:
        return set()
    say("reading earlier data versions")
    texts: set[str] = set()
    with searching(desk) as (found, known, scratch, _):
        search = Search(needles_of(rows, ()), desk.params.data, known, frozenset(), scratch)
        for store in found:
            for name in store.objects():
                relpath = known.data_file(name)
                lines = rows_in(store.path(name, scratch), relpath, search) if relpath is not None else []
                texts |= {text for one in lines for text in one.texts}
    return texts


@contextmanager
def searching(desk: Desk) -> Iterator[tuple[list[Store], Known, Path, list[ServiceUnreachable]]]:
    """The stores that answer, what their objects are, a scratch folder, and why other stores do not answer."""
    with TemporaryDirectory(prefix="hallmark-forget-") as folder:
        found, silent = answering(stores(desk.root, desk.home))
        yield found, known_objects(desk.root, desk.ledger, found, Path(folder)), Path(folder), silent


def answering(found: Sequence[Store]) -> tuple[list[Store], list[ServiceUnreachable]]:
    """The stores that can be reached, and why each other one cannot."""
    here, silent = [], []
    for store in found:
        try:
            store.refuse_unreachable()
            here.append(store)
        except ServiceUnreachable as fault:
            silent.append(fault)
    return here, silent
