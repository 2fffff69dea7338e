"""The ledger, the kept manifests and the registered names of a workspace, opened for a question."""

from collections.abc import Collection
from pathlib import Path

from flows.lineage.versions import Names, Told, told
from tasks.contracts.config import load_params
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore


def opened(ledger: Ledger, kinds: Collection[str] | None = None) -> tuple[list[Told], ManifestStore, Names]:
    """Entries of some kinds, or all, the manifests, and the names of params.yaml in the current folder."""
    promotion = load_params().promotion
    entries = ledger.entries() if kinds is None else ledger.entries_of(kinds)
    return (told(entries), ManifestStore(ledger.home),
            Names(promotion.policy_model, promotion.reward_model))


def kept_text(home: Path, digest: str | None) -> str | None:
    """A kept file's text; None where it was not kept, or its bytes are no longer those that its name says."""
    from flows.lineage.keeping import kept_file
    from tasks.contracts.canonical import sha256_hex

    if digest is None or not kept_file(home, digest).is_file():
        return None
    content = kept_file(home, digest).read_bytes()
    return content.decode("utf-8", "replace") if sha256_hex(content) == digest else None
