"""The evidence bundle: all that a promotion was decided on, in one signed file that is named by its own sha256.

Approvals are signatures over this digest. The same evidence makes the same bundle; when it was made is in the ledger.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.evidence import Decision, Evidence
from tasks.contracts.gate_config import Rule
from tasks.records.digests import RunDigests
from tasks.records.ledger import Ledger
from tasks.records.signatures import Key, sign, verify
from tasks.records.whole_files import write_whole

PURPOSE = "evidence bundle"


@dataclass(frozen=True)
class Bundle:
    """A bundle on the disk. `digest` is the sha256 of the file's bytes."""

    digest: str
    path: Path


def write_bundle(
    home: Path,
    key: Key,
    *,
    evidence: Evidence,
    decision: Decision,
    rules: Sequence[Rule],
    run: RunDigests,
    dvc_lock_sha256: str | None,
    models: Mapping[str, str],
    manifest_roots: Mapping[str, str],
    manifest_rows: Mapping[str, int] | None = None,
) -> Bundle:
    """Write `<home>/bundles/DIGEST.json` and its signature, DIGEST.sig, beside it.

    Args:
        dvc_lock_sha256: of dvc.lock after the stages ran; `run` has it from before.
        models: name -> digest of every model that belongs to the candidate, e.g. policy, reward-model, sft.
        manifest_roots: use -> Merkle root of the rows that went into it; `prepare_data` has all of them.
        manifest_rows: use -> their number, without which no row's absence can be proved; None: not recorded.
    """
    said = {
        "format": "hallmark bundle 1", "evidence": evidence.model_dump(), "decision": decision.model_dump(),
        "rules": [rule.model_dump() for rule in rules], "run": run.model_dump(), "run_digest": run.digest,
        "dvc_lock_sha256": dvc_lock_sha256, "models": dict(models), "manifest_roots": dict(manifest_roots),
    }
    if manifest_rows is not None:
        said["manifest_rows"] = dict(manifest_rows)
    content = canonical_json(_with_named_nonnumbers(said))
    digest = sha256_hex(content)
    folder = home / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    signature = {"digest": digest, "key": key.public, "purpose": PURPOSE, "signature": sign(key, PURPOSE, digest)}
    write_whole(folder / f"{digest}.json", content)
    write_whole(folder / f"{digest}.sig", canonical_json(signature))
    return Bundle(digest, folder / f"{digest}.json")


def read_bundle(home: Path, digest: str, *trusted: str) -> dict[str, object]:
    """Read a bundle whose bytes and signature hold.

    Args:
        trusted: public keys of which one must have signed it, 64 hex.

    Raises:
        DigestMismatch: it is gone, was changed, or is not signed by such a key.
    """
    path = home / "bundles" / f"{digest}.json"
    try:
        content = path.read_bytes()
        signed = json.loads(path.with_suffix(".sig").read_bytes())
        signature = str(signed["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DigestMismatch("the bundle or its signature cannot be read", where=str(path), found=str(error)) from None
    if sha256_hex(content) != digest:
        raise DigestMismatch("the bundle was changed", where=str(path), wanted=digest, found=sha256_hex(content))
    if not any(verify(key, PURPOSE, digest, signature) for key in trusted):
        raise DigestMismatch("the bundle is not signed by the key that it must be", where=str(path),
                             wanted=" or ".join(trusted))
    return dict(json.loads(content))


def read_own_bundle(home: Path, digest: str) -> dict[str, object]:
    """Read a bundle that one of the installation's keys signed, retired or not: it was made under one of them.

    Raises DigestMismatch as read_bundle does.
    """
    return read_bundle(home, digest, *Ledger(home).keys().all)


def _with_named_nonnumbers(value: object) -> object:
    """Say NaN and the infinities, which JSON lacks, by name: a refusal over them must be on record too."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: _with_named_nonnumbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_named_nonnumbers(item) for item in value]
    return value
