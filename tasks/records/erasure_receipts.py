"""The receipt of an erasure: what it says, who signed it, and what it proves to somebody without the installation.

It carries the ledger's entries with their proofs, and for every row the proof that no row manifest of the newest
version holds it. What was deleted where is the installation's signed word, not a proof.
"""

import json
from collections.abc import Mapping
from typing import Any

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.records.chain import Entry
from tasks.records.proofs import parse_proof, refuse_false_proof
from tasks.records.row_proofs import check_row_proof
from tasks.records.signatures import Key, sign, verify
from tasks.records.uses import PROMPTS

FORMAT = "hallmark erasure receipt 1"
PURPOSE = "erasure receipt"
LIMITS = (
    "This receipt proves that the rows are in none of the row manifests of the version under `absence`. It does not "
    "prove that weights forgot what they learned: the versions under `learned_from_them` were trained before, and are "
    "kept for audit until their retention ends. It proves nothing about the places under `not_reached`.")


def signed(said: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """A receipt with its key and signature. Raises ValueError where it has no canonical JSON."""
    whole = {**said, "format": FORMAT, "says": LIMITS, "key": key.public}
    return {**whole, "signature": sign(key, PURPOSE, sha256_hex(canonical_json(whole)))}


def check_receipt(receipt: Mapping[str, Any], trusted: str) -> dict[str, Any]:
    """Check a receipt by the installation's public key, or one that handed over to its own; say what it shows.

    Returns:
        `rows`, `entries` proved, `absent_from` (`name`, `version`, `manifests`) or null where it shows no absence,
        `learned_from_them`, `not_reached`, `remaining`.

    Raises:
        DigestMismatch: it was changed, or shows something else than it says.
        LedgerBroken: an entry is not in the ledger of this key.
    """
    try:
        whole = {name: value for name, value in receipt.items() if name != "signature"}
        held = receipt["format"] == FORMAT and receipt["says"] == LIMITS and verify(
            receipt["key"], PURPOSE, sha256_hex(canonical_json(whole)), receipt["signature"])
        if not held:
            raise DigestMismatch("the receipt was changed: the key that it names did not sign it")
        entries = _entries(receipt, trusted)
        _refuse_other_rows(receipt, entries)
        return {"rows": receipt["rows"], "entries": sorted(entries), "absent_from": _absence(receipt, entries),
                **{name: receipt[name] for name in ("learned_from_them", "not_reached", "remaining")}}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DigestMismatch("is no receipt of an erasure", found=f"{type(error).__name__} {error}") from None


def _entries(receipt: Mapping[str, Any], trusted: str) -> dict[int, Entry]:
    found = {}
    for said in receipt["entries"]:
        proof = parse_proof(json.dumps(said))
        refuse_false_proof(proof, trusted)
        if proof.head.key != receipt["key"]:
            raise DigestMismatch("the receipt is signed by another key than the ledger's head", wanted=proof.head.key,
                                 found=receipt["key"])
        found[proof.entry.index] = proof.entry
    return found


def _refuse_other_rows(receipt: Mapping[str, Any], entries: Mapping[int, Entry]) -> None:
    told = {row for entry in entries.values() if entry.kind == "row forgotten" for row in _payload(entry)["rows"]}
    if not receipt["rows"] or not told.issuperset(receipt["rows"]):
        raise DigestMismatch("no entry of the ledger says that these rows were forgotten",
                             found=", ".join(sorted(set(receipt["rows"]) - told)[:3]) or "no row")


def _absence(receipt: Mapping[str, Any], entries: Mapping[int, Entry]) -> dict[str, Any] | None:
    """Hold every proof against the bundle that the ledger's entry names, and see that none is left out."""
    said = receipt["absence"]
    if said is None:
        return None
    registered, uses = _payload(entries[said["entry"]]), json.loads(said["bundle"])["manifest_rows"]
    missing = {(row, use) for row in receipt["rows"] for use in uses if not use.endswith(PROMPTS)}
    for proof in said["proofs"]:
        shown = check_row_proof({**proof, "bundle": said["bundle"]}, registered["bundle"])
        if shown["present"]:
            raise DigestMismatch("the proof shows the row, not its absence", where=shown["row"], found=shown["use"])
        missing.discard((shown["row"], shown["use"]))
    after = max(entry.index for entry in entries.values() if entry.kind == "row forgotten")
    if missing or said["entry"] < after or (registered["name"], registered["version"]) != (
            said["name"], said["version"]):
        raise DigestMismatch("the receipt does not show what it says", found=f"{len(missing)} proofs are missing"
                             if missing else "another version, or one from before the erasure")
    return {"name": said["name"], "version": said["version"],
            "manifests": len([use for use in uses if not use.endswith(PROMPTS)])}


def _payload(entry: Entry) -> Mapping[str, Any]:
    return dict(entry.payload)
