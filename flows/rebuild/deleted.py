"""What the ledger says of bytes that are gone: which erasure took them, or which guarded gc.

An erasure names the objects that it deleted. Data may have been gone from every store before it came to them, or it may
not have ended; then the forgotten rows themselves say it: the version's own list of rows holds one of them.
"""

from collections.abc import Iterator, Sequence

from flows.data.versions import KIND as DATA_VERSION
from flows.erasure.affected import FINISHED, FORGOTTEN, forgotten
from flows.lineage.versions import Registration, Told
from flows.reconcile.findings import DELETED
from flows.scheduling.data_watch import DATA
from tasks.contracts.errors import DigestMismatch
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS

RESTORE = "Restore them from a backup, or `dvc pull` them from wherever they still are."


def why_gone(entries: Sequence[Told], store: ManifestStore, one: Registration, path: str, digest: str) -> str:
    """Why bytes that a version was made from are nowhere any more, or how to get them where nobody deleted them.

    Args:
        one: the version.
        path: what they were in its workspace.
        digest: DVC's md5 of them, with its `.dir`; empty where it is not known.
    """
    for entry in _of_object(entries, digest):
        return _told(entry)
    if path.partition("/")[0] == DATA.name:
        for entry in (*_of_data_version(entries, digest), *_of_rows(entries, store, one)):
            return _told(entry)
    return RESTORE


def _of_object(entries: Sequence[Told], digest: str) -> Iterator[Told]:
    yield from (entry for entry in entries if digest in _objects(entry))


def _objects(entry: Told) -> set[str]:
    """The objects of DVC that an entry says were deleted."""
    if entry.kind == DELETED:
        return set(entry.payload["ids"])
    stores = entry.payload.get("deleted", {}) if entry.kind == FINISHED else {}
    return {name for names in stores.values() for name in names}


def _of_data_version(entries: Sequence[Told], digest: str) -> Iterator[Told]:
    """Erasures that began with the data version of this name."""
    named = {entry.payload["version"] for entry in entries
             if entry.kind == DATA_VERSION and entry.payload.get("data") == digest}
    yield from (entry for entry in entries if entry.kind == FINISHED and entry.payload.get("data_before") in named)


def _of_rows(entries: Sequence[Told], store: ManifestStore, one: Registration) -> Iterator[Told]:
    """Erasures of rows that the version read: the entry of their end, of their beginning where they have not ended."""
    gone = forgotten(entries)
    if not gone or ALL_ROWS not in one.manifests:
        return
    try:
        with store.opened(one.manifests[ALL_ROWS]["root"]) as rows:
            read = [row for row in gone if bytes.fromhex(row) in rows]
    except DigestMismatch:  # nobody can say which rows it read
        return
    for row in read:
        yield next((entry for entry in entries if entry.kind == FINISHED and row in entry.payload["rows"]), gone[row])


def _told(entry: Told) -> str:
    at = f"ledger entry {entry.index}, {entry.time[:16]}Z"
    if entry.kind == DELETED:
        return f"They were deleted on purpose: {at}: {entry.payload['reason']}."
    rows = f"{len(entry.payload['rows'])} row(s)"
    if entry.kind == FORGOTTEN:
        return f"They were deleted on purpose: {at}, the erasure of {rows}, which has not ended."
    return f"They were deleted on purpose: {at}, the erasure of {rows}."
