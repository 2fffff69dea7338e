"""The rows that beginnings of ids name: of recorded data versions, of data/ as it lies, or forgotten ones."""

from collections.abc import Sequence
from contextlib import suppress

from flows.desk import Desk
from flows.erasure.affected import FORGOTTEN, forgotten
from flows.erasure.data_rows import find, how_read
from flows.lineage.versions import registrations, told
from flows.lineage.who_saw import PREFIX_AT_LEAST, full_id
from flows.scheduling.data_watch import DATA, files
from tasks.contracts.errors import DataRefused, Misused
from tasks.records.manifest_store import ManifestStore

HEX = frozenset("0123456789abcdef")


def full_ids(desk: Desk, rows: Sequence[str]) -> list[str]:
    """The whole ids, each once, in the order given.

    Raises:
        Misused: one is no id, is too short, or begins no known row or several.
    """
    return list(dict.fromkeys(_full(desk, row.strip().lower()) for row in rows))


def _full(desk: Desk, row: str) -> str:
    if len(row) < 64 and len(row) >= PREFIX_AT_LEAST and not set(row) - HEX:
        found = _in_data(desk, row) | {one for one in forgotten(told(desk.ledger.entries_of([FORGOTTEN])))
                                       if one.startswith(row)}
        if len(found) > 1:
            raise Misused("begins several rows", where=row, found=", ".join(sorted(one[:20] for one in found)[:5]),
                          next_step="Give all 64 characters of the id.")
        if found:
            return found.pop()
    return full_id(row, registrations(told(desk.ledger.entries_of(["registered"]))), ManifestStore(desk.home))


def _in_data(desk: Desk, start: str) -> set[str]:
    found: set[str] = set()
    for path in files(desk.root):
        with suppress(DataRefused):  # a file that cannot be read names no row
            found |= {one.row for one in find(path, how_read(
                desk.params.data, path.relative_to(desk.root / DATA).as_posix()), lambda row: row.startswith(start))}
    return found
