"""Why a version was promoted: what the gate found under which rules, who signed over which evidence, who started it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.lineage.people import decision_of
from flows.lineage.versions import NOT_RECORDED, Registration, Told, registrations
from tasks.contracts.errors import DigestMismatch, PromotionRefused
from tasks.records.approvals import PURPOSE, Approver, Signed, read_approvers, read_signed
from tasks.records.bundle import read_own_bundle
from tasks.records.signatures import verify

SIGNED = ("approved", "rejected")
ABOUT = ("approval asked", "approval expired", *SIGNED, "promoted", "promotion undone")


def approvals(root: Path, home: Path, entries: Sequence[Told], one: Registration) -> dict[str, Any]:
    """The gate's findings with their thresholds, the signatures with what they are worth, and what came of it.

    Signatures are checked now, each over the statement that it names; `own_run` says whether the signer started a run
    that made the version, by the names of the committed allow-list.
    """
    about = [entry for entry in entries if entry.kind in ABOUT
             and (entry.payload.get("name"), entry.payload.get("version")) == (one.name, one.version)]
    starts = starts_of(entries, one)
    people = read_approvers(root)
    signatures = [signature(entry, one, people, [start.actor for start in starts]) for entry in about
                  if entry.kind in SIGNED]
    gate, promotions = gate_of(home, entries, one), [entry for entry in about if entry.kind.startswith("promot")]
    return {
        "name": one.name, "version": one.version, "digest": one.digest, "bundle": one.bundle, "gate": gate,
        "wanted": wanted(about),
        "started_by": list(dict.fromkeys(start.actor for start in starts)), "signatures": signatures,
        "promotions": [promotion(entry) for entry in promotions],
        "entries": sorted({one.entry, *(entry.index for entry in (*about, *starts)),
                           *([gate["entry"]] if gate["entry"] is not None else [])})}


def starts_of(entries: Sequence[Told], one: Registration) -> list[Told]:
    """The starts of all runs that registered a version: the same bytes may be made twice."""
    runs = {other.run for other in registrations(entries, one.name) if other.version == one.version}
    return [entry for entry in entries if entry.kind == "run started" and entry.payload["run"] in runs]


def wanted(about: Sequence[Told]) -> int | str:
    """How many signatures were asked for; an override needs two at least, whatever was asked."""
    if any(entry.payload.get("override") for entry in about):
        return "2 or more, for an override"
    asked = [entry.payload["wanted"] for entry in about if entry.kind == "approval asked"]
    return asked[-1] if asked else NOT_RECORDED


def gate_of(home: Path, entries: Sequence[Told], one: Registration) -> dict[str, Any]:
    """The decision in the ledger, and whether the signed evidence bundle says the same."""
    decided = decision_of(entries, one)
    if decided is None:
        return {"verdict": NOT_RECORDED, "entry": None, "findings": [], "bundle": NOT_RECORDED}
    said = decided.payload
    try:
        same = dict(read_own_bundle(home, one.bundle))["decision"] == said["decision"]
        bundle = "holds, and says the same" if same else "holds, but has another decision than the ledger"
    except DigestMismatch as error:
        bundle = error.message()
    return {"verdict": said["verdict"], "entry": decided.index, "rules": said["rules"], "evidence": said["evidence"],
            "against": said["against"], "findings": said["decision"]["findings"], "bundle": bundle}


def signature(entry: Told, one: Registration, people: Sequence[Approver], actors: Sequence[str]) -> dict[str, Any]:
    """One signature: by whom, over what, and whether it holds."""
    try:
        signed = read_signed(entry.payload)
    except (PromotionRefused, KeyError) as error:
        return {"approver": NOT_RECORDED, "holds": False, "why_not": str(error), "entry": entry.index}
    said = signed.statement
    person = next((each for each in people if each.key == signed.key), None)
    fault = fault_of(signed, one)
    return {
        "approver": said.approver, "decision": said.decision, "reason": said.reason, "signed": said.signed,
        "expires": said.expires, "over_bundle": said.bundle, "over_model": said.model, "statement": said.digest,
        "key": signed.key, "holds": not fault, "why_not": fault, "listed_as": person.name if person else None,
        "own_run": any((person or Approver(said.approver, "")).started(actor) for actor in actors),
        "entry": entry.index}


def fault_of(signed: Signed, one: Registration) -> str:
    """Why a signature is worth nothing for this version; empty where it holds."""
    said = signed.statement
    if not verify(signed.key, PURPOSE, said.digest, signed.signature):
        return "forged: the key that it names did not make it over this statement"
    if (said.name, said.version, said.model) != (one.name, one.version, one.digest):
        return "reused: it is of another version"
    return "" if said.bundle == one.bundle else "it is over another evidence bundle than the version's own"


def promotion(entry: Told) -> dict[str, Any]:
    """A promotion, an override, a rollback to this version, or one that was taken back at once."""
    said: Mapping[str, Any] = entry.payload
    return {"entry": entry.index, "time": entry.time, "by": entry.actor, "what": entry.kind,
            **{key: said.get(key) for key in ("approvals", "override", "rollback", "previous")}}
