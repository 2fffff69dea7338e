"""What the ledger says of a version's way to the champion: decided, asked, approved, rejected, expired.

Pure but for the bundle: entries in, answers out. What a signature is worth is said in tasks/records/approvals.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from flows.promotion import history, succession
from tasks.contracts.errors import DigestMismatch, PromotionRefused, UnknownVersion
from tasks.records.approvals import Answer, Approver, Signed, read_signed, refuse_unless_valid


class Entry(succession.Entry, Protocol):
    """An entry of the ledger, with who wrote it."""

    @property
    def actor(self) -> str: ...


@dataclass(frozen=True)
class Case:
    """A registered version, as it was registered last."""

    name: str
    version: int
    digest: str
    bundle: str  # digest of the evidence bundle
    verdict: str | None  # of the gate; None: the ledger has no decision on it
    against: int | None  # the champion that it was decided against; None: there was none
    actors: tuple[str, ...]  # who started the runs that registered it
    asked_until: datetime | None  # until when it waits for approval; None: it does not wait
    expired: bool  # the wait ended, and the ledger says so
    answers: tuple[Any, ...]  # payloads of what people signed about it

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def case_of(entries: Sequence[Entry], name: str, version: int) -> Case:
    """Raises UnknownVersion where the ledger knows no such version."""
    ours = [entry for entry in entries
            if (entry.payload.get("name"), entry.payload.get("version")) == (name, version)]
    registrations = [entry for entry in ours if entry.kind == "registered"]
    if not registrations:
        known = ", ".join(str(one.version) for one in history.registered(entries, name)) or "none"
        raise UnknownVersion(f"the ledger knows no version {version} of {name}", wanted=f"one of: {known}",
                             next_step="`hallmark status` lists what is registered.")
    last = registrations[-1]
    digest, bundle = last.payload["digest"], last.payload["bundle"]
    decision = _decision(entries, last)
    asked = [entry for entry in ours if entry.kind in {"approval asked", "approval expired"}
             and entry.payload["bundle"] == bundle]
    runs = {entry.payload["run"] for entry in registrations}
    return Case(
        name, version, digest, bundle, decision["verdict"] if decision else None,
        decision["against"] if decision else None,
        tuple(entry.actor for entry in entries if entry.kind == "run started" and entry.payload["run"] in runs),
        datetime.fromisoformat(asked[-1].payload["expires"]) if asked else None,
        bool(asked) and asked[-1].kind == "approval expired",
        tuple(entry.payload for entry in ours if entry.kind == "approved"))


def _decision(entries: Iterable[Entry], registration: Entry) -> dict[str, Any] | None:
    """The gate's last decision before a registration, of the same run on the same bytes."""
    found = None
    for entry in entries:
        if entry.index < registration.index and entry.kind == "gate decided" and (
                entry.payload["run"], entry.payload["candidate"]) == (
                registration.payload["run"], registration.payload["digest"]):
            found = entry.payload
    return found


def waiting(entries: Sequence[Entry], name: str, now: datetime) -> list[Case]:
    """Challengers whose time for approval is not over, oldest first."""
    cases = [case_of(entries, name, one.version) for one in history.challengers(entries, name)]
    return [one for one in cases if not one.expired and (one.asked_until is None or now < one.asked_until)]


def overdue(entries: Sequence[Entry], name: str, now: datetime) -> list[Case]:
    """Challengers whose time for approval is over, of which the ledger does not say so yet."""
    cases = [case_of(entries, name, one.version) for one in history.challengers(entries, name)]
    return [one for one in cases if one.asked_until is not None and not one.expired and now >= one.asked_until]


def rejection(entries: Iterable[succession.Entry], name: str, digest: str) -> dict[str, Any] | None:
    """The statement by which somebody rejected these bytes."""
    for entry in entries:
        if entry.kind == "rejected" and (entry.payload["name"], entry.payload["digest"]) == (name, digest):
            return dict(entry.payload["statement"])
    return None


def refuse_rejected(entries: Iterable[succession.Entry], name: str, version: int, digest: str) -> None:
    """Raise PromotionRefused for what somebody rejected: it stays rejected, under every rule and signature."""
    said = rejection(entries, name, digest)
    if said is not None:
        raise PromotionRefused(
            f"was rejected by {said['approver']} at {said['signed']} and stays so: {said['reason']}",
            where=f"{name} version {version}", next_step="Train another one.")


def stopped_by_hand(entries: Sequence[succession.Entry], name: str, digest: str) -> str:
    """Why people do not want bytes as champion that a run has made again; empty where nobody said so."""
    rejected = rejection(entries, name, digest)
    if rejected is not None:
        return (f"refused: the same policy was rejected by {rejected['approver']} as version {rejected['version']} and "
                f"stays so: {rejected['reason']}")
    was_champion = succession.was_champion(entries, name)
    for version, reason in succession.rolled_back(entries, name).items():
        if was_champion[version].digest == digest:
            return (f"refused: the same policy was champion as version {version} and was taken back: {reason}; "
                    f"`hallmark promote {version}` promotes it again on purpose")
    return ""


def signers(
    case: Case, approvers: Sequence[Approver], answer: Answer, *, four_eyes: bool, now: datetime
) -> tuple[list[str], list[str]]:
    """Names of those whose signatures count for this answer, each once, and why the other signatures do not."""
    names: dict[str, None] = {}
    faults = []
    for payload in case.answers:
        try:
            signed: Signed = read_signed(payload)
            names[refuse_unless_valid(
                signed, approvers, decision=answer, name=case.name, version=case.version, model=case.digest,
                bundle=case.bundle, actors=case.actors if four_eyes else (), now=now).name] = None
        except PromotionRefused as error:
            faults.append(error.message())
    return list(names), faults


def evidence_bundle(home: Path, case: Case) -> dict[str, Any]:
    """The signed bundle of a version, whose evidence and decision are about its bytes.

    Raises:
        DigestMismatch: it was changed, is gone, is not signed by this installation's key, or is of another model.
    """
    from tasks.records.bundle import read_own_bundle

    said: dict[str, Any] = dict(read_own_bundle(home, case.bundle))
    about = [said["models"].get(case.name), said["evidence"]["candidate"], said["decision"]["candidate"]]
    if set(about) != {case.digest}:
        raise DigestMismatch("the evidence bundle is of another model", where=str(case), wanted=case.digest,
                             found=", ".join(map(str, about)))
    return said
