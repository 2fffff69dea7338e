"""The receipt of an erasure: what it says, who signed it, and what it proves to somebody without the installation.

It carries the ledger's entries with their proofs, and for every row the proof that none of the newest row manifests
holds it: those of a registered version, or those of a run that registered none. What was deleted where is the
installation's signed word, not a proof.
"""

import json
from collections.abc import Mapping
from typing import Any

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.records.chain import Entry
from tasks.records.proofs import parse_proof, refuse_false_proof
from tasks.records.row_proofs import check_row_proof, check_witnesses
from tasks.records.signatures import Key, sign, verify
from tasks.records.uses import PROMPTS

FORMAT = "hallmark erasure receipt 2"
PURPOSE = "erasure receipt"
OF_VERSION, OF_RUN = "version", "run"  # whose row manifests the absence was shown from
_LIMITS = (
    "This receipt proves that the rows are in none of the row manifests of the {} under `absence`. It does not "
    "prove that weights forgot what they learned: the versions under `learned_from_them` were trained before, and are "
    "kept for audit until their retention ends. It proves nothing about the places under `not_reached`.")
LIMITS = _LIMITS.format("version, or of the run that registered none,")
SAYS = {FORMAT: LIMITS, "hallmark erasure receipt 1": _LIMITS.format("version")}  # every format that was ever written


def signed(said: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """A receipt with its key and signature. Raises ValueError where it has no canonical JSON."""
    whole = {**said, "format": FORMAT, "says": LIMITS, "key": key.public}
    return {**whole, "signature": sign(key, PURPOSE, sha256_hex(canonical_json(whole)))}


def check_receipt(receipt: Mapping[str, Any], trusted: str) -> dict[str, Any]:
    """Check a receipt by the installation's public key, or one that handed over to its own; say what it shows.

    Returns:
        `rows`, `entries` proved, `absent_from` (`of`, `manifests`, and of a version `name` and `version`, of a run
        `run` and `outcome`, the others null) or null where it shows no absence, `learned_from_them`, `not_reached`,
        `remaining`.

    Raises:
        DigestMismatch: it was changed, or shows something else than it says.
        LedgerBroken: an entry is not in the ledger of this key.
    """
    try:
        whole = {name: value for name, value in receipt.items() if name != "signature"}
        held = receipt["says"] == SAYS.get(receipt["format"]) and verify(
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
    """Hold every proof against what the ledger's entry names, and see that none is left out."""
    said = receipt["absence"]
    if said is None:
        return None
    shown = _of_run(said, entries) if said.get("of") == OF_RUN else _of_version(said, entries)
    uses = [use for use in shown.pop("uses") if not use.endswith(PROMPTS)]
    missing = {(row, use) for row in receipt["rows"] for use in uses}
    for one in shown.pop("proved"):
        if one["present"]:
            raise DigestMismatch("the proof shows the row, not its absence", where=one["row"], found=one["use"])
        missing.discard((one["row"], one["use"]))
    after = max(entry.index for entry in entries.values() if entry.kind == "row forgotten")
    if missing or not uses or said["entry"] < after:
        raise DigestMismatch("the receipt does not show what it says", found=f"{len(missing)} proofs are missing"
                             if missing else "rows that were recorded before the erasure")
    return {"of": OF_VERSION, "name": None, "version": None, "run": None, "outcome": None, **shown,
            "manifests": len(uses)}


def _of_version(said: Mapping[str, Any], entries: Mapping[int, Entry]) -> dict[str, Any]:
    """The proofs under the signed bundle of a registered version."""
    registered = _payload(entries[said["entry"]])
    if (registered["name"], registered["version"]) != (said["name"], said["version"]):
        raise DigestMismatch("the receipt does not show what it says", found="another version")
    return {"name": said["name"], "version": said["version"], "uses": json.loads(said["bundle"])["manifest_rows"],
            "proved": [check_row_proof({**proof, "bundle": said["bundle"]}, registered["bundle"])
                       for proof in said["proofs"]]}


def _of_run(said: Mapping[str, Any], entries: Mapping[int, Entry]) -> dict[str, Any]:
    """The proofs under the roots that the ledger recorded when the stages of a run had finished."""
    made, ended = entries[said["entry"]], entries[said["ended"]]
    kept, outcome = _payload(made)["manifests"], _payload(ended)["outcome"]
    told = ("stages finished", "run finished", said["run"], said["run"], said["outcome"])
    if (made.kind, ended.kind, _payload(made)["run"], _payload(ended)["run"], outcome) != told:
        raise DigestMismatch("the receipt does not show what it says", found="another run, or another end of it")
    return {"of": OF_RUN, "run": said["run"], "outcome": outcome, "uses": kept,
            "proved": [check_witnesses(proof, kept[proof["use"]]["root"], kept[proof["use"]]["rows"])
                       for proof in said["proofs"]]}


def _payload(entry: Entry) -> Mapping[str, Any]:
    return dict(entry.payload)
