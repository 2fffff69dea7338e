"""The ledger, the kept manifests and the registered names of a workspace, opened for a question."""

from collections.abc import Iterable
from pathlib import Path

from flows.lineage.versions import Names, Told, told
from tasks.contracts.config import load_params
from tasks.contracts.errors import LedgerBroken
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore


def opened(ledger: Ledger, kinds: Iterable[str] | None = None) -> tuple[list[Told], ManifestStore, Names]:
    """Entries of some kinds, or all, the manifests, and the names of params.yaml in the current folder."""
    promotion = load_params().promotion
    return (told(ledger.entries(), kinds), ManifestStore(ledger.home),
            Names(promotion.policy_model, promotion.reward_model))


def refuse_broken(ledger: Ledger) -> None:
    """Raise LedgerBroken where the ledger does not verify: what is told from it would prove nothing."""
    found = ledger.verify()
    if found.broken:
        raise LedgerBroken(found.broken.reason, where=str(ledger.path))


def kept_text(home: Path, digest: str | None) -> str | None:
    """A kept file's text; None where it was not kept, or its bytes are no longer those that its name says."""
    from flows.lineage.keeping import kept_file
    from tasks.contracts.canonical import sha256_hex

    if digest is None or not kept_file(home, digest).is_file():
        return None
    content = kept_file(home, digest).read_bytes()
    return content.decode("utf-8", "replace") if sha256_hex(content) == digest else None
