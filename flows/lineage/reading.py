"""The ledger, the kept manifests and the registered names of a workspace, opened for a question."""

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.lineage.versions import Names, Told, told, told_of
from tasks.contracts.config import load_params
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the search for cycles of objects: thousands of entries hold none, and it takes a third of their reading."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@uncollected()
def opened(ledger: Ledger, kinds: Collection[str] | None = None) -> tuple[list[Told], ManifestStore, Names]:
    """Entries of some kinds, or all, the manifests, and the names of params.yaml in the current folder."""
    promotion = load_params().promotion
    entries = told(ledger.entries()) if kinds is None else told_of(ledger.said_of(kinds))
    return (entries, ManifestStore(ledger.home),
            Names(promotion.policy_model, promotion.reward_model))


def kept_text(home: Path, digest: str | None) -> str | None:
    """A kept file's text; None where it was not kept, or its bytes are no longer those that its name says."""
    from flows.lineage.keeping import kept_file
    from tasks.contracts.canonical import sha256_hex

    if digest is None or not kept_file(home, digest).is_file():
        return None
    content = kept_file(home, digest).read_bytes()
    return content.decode("utf-8", "replace") if sha256_hex(content) == digest else None
