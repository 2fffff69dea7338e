"""The proof of a row for a registered version, under its signed evidence bundle."""

from pathlib import Path
from typing import Any

from flows.lineage.versions import Registration
from tasks.contracts.errors import Refused
from tasks.records.bundle import read_own_bundle
from tasks.records.manifest_store import ManifestStore
from tasks.records.row_proofs import check_row_proof, prove_row


def prove(home: Path, store: ManifestStore, one: Registration, row: str, use: str) -> dict[str, Any]:
    """The proof that the rows of a use hold a row, or that they do not; checked before it is returned.

    Raises:
        Refused: no manifest of that use was recorded under this version's bundle.
        DigestMismatch: the manifest or the bundle is not what was recorded.
    """
    bundle = read_own_bundle(home, one.bundle)
    if use not in one.manifests or "manifest_rows" not in bundle:
        raise Refused(f"no row manifest of {use} was recorded", where=str(one),
                      wanted=", ".join(one.manifests) or "a version registered since manifests are kept")
    rows = store.checked(one.manifests[use]["root"])
    proof = prove_row(row, rows, use=use, bundle=(home / "bundles" / f"{one.bundle}.json").read_bytes())
    check_row_proof(proof, one.bundle)
    return proof
