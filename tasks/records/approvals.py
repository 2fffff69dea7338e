"""Approvals: what people signed about a version, and why a signature does not count.

A person signs a statement: the decision, the version, the digests of its bytes and of the evidence bundle that was
looked at, and until when it holds. Who may sign is in infra/approvers.yaml as committed, so that a change of the list
passes the same review as a change of code.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import yaml

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import Misused, PromotionRefused
from tasks.contracts.places import APPROVERS
from tasks.contracts.yaml_text import read_yaml
from tasks.records.git import git
from tasks.records.signatures import Key, sign, verify

PURPOSE = "approval"
Answer = Literal["approve", "override", "reject"]


@dataclass(frozen=True)
class Approver:
    """A person whose signature counts."""

    name: str
    key: str  # raw public key, 64 lower hex
    accounts: tuple[str, ...] = ()  # other names under which this person starts runs

    def started(self, actor: str) -> bool:
        """Whether a run that this actor started is this person's own."""
        return actor.casefold() in {one.casefold() for one in (self.name, *self.accounts)}


@dataclass(frozen=True)
class Statement:
    """What is signed. `expires` is UTC, 2026-11-02T10:04:05Z; a rejection holds for ever and has none."""

    decision: Answer
    name: str
    version: int
    model: str  # digest of the version's bytes
    bundle: str  # digest of the evidence bundle
    approver: str
    reason: str
    signed: str
    expires: str | None

    @property
    def digest(self) -> str:
        """The sha256 that the signature is over."""
        return sha256_hex(canonical_json({"format": "hallmark approval 1", **asdict(self)}))


@dataclass(frozen=True)
class Signed:
    """A statement with its signature, as the ledger keeps it."""

    statement: Statement
    key: str
    signature: str

    def as_json(self) -> dict[str, object]:
        return {"statement": asdict(self.statement), "key": self.key, "signature": self.signature}


def sign_statement(key: Key, statement: Statement) -> Signed:
    return Signed(statement, key.public, sign(key, PURPOSE, statement.digest))


def read_signed(said: Mapping[str, object]) -> Signed:
    """A signed statement from a ledger entry. Raises PromotionRefused where it has not the form of one."""
    statement = said["statement"]
    names = {field.name for field in fields(Statement)}
    if not isinstance(statement, Mapping) or set(statement) != names:
        raise PromotionRefused("is no statement of an approval", found=str(statement)[:100])
    return Signed(Statement(**statement), str(said["key"]), str(said["signature"]))


def read_approvers(root: Path) -> tuple[Approver, ...]:
    """The allow-list as committed at HEAD; what was only edited does not count. None committed: nobody may approve.

    Raises:
        Misused: the committed list cannot be read, or two people on it share a name or a key.
    """
    shown = git(root, "show", f"HEAD:./{APPROVERS}")
    if shown.returncode:
        return ()
    where = f"{APPROVERS} at HEAD"
    try:
        listed = read_yaml(shown.stdout.decode())["approvers"] or []
        found = tuple(Approver(str(one["name"]), str(one["key"]), tuple(map(str, one.get("accounts", ()))))
                      for one in listed)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise Misused("is no list of approvers", where=where, wanted="entries with name and key",
                      found=" ".join(str(error).split())) from None
    for one in found:
        if not re.fullmatch(r"[0-9a-f]{64}", one.key):
            raise Misused(f"the key of {one.name} is none", where=where, wanted="64 characters of lower hex",
                          found=one.key[:80], next_step="`hallmark keys new` prints the entry to add.")
    for what, values in (("name", [one.name.casefold() for one in found]), ("key", [one.key for one in found])):
        if len(set(values)) != len(values):  # one person would count as two
            raise Misused(f"two approvers share a {what}", where=where, wanted="one entry a person")
    return found


def approver_of(key: str, approvers: Sequence[Approver]) -> Approver:
    """Who signs with this key. Raises PromotionRefused where the committed allow-list does not hold it."""
    for one in approvers:
        if one.key == key:
            return one
    raise PromotionRefused(
        "the key is unknown", where=f"{APPROVERS} at HEAD", found=f"key {key[:16]}…",
        wanted="a key of " + (", ".join(one.name for one in approvers) or "anybody, but the list is empty"),
        next_step="Who may approve is added there by a reviewed commit; an edited file does not count.")


def refuse_own_run(approver: Approver, actors: Sequence[str]) -> None:
    """Four eyes: raise PromotionRefused where the run that made the version was started by the approver."""
    for actor in actors:
        if approver.started(actor):
            raise PromotionRefused(
                "who started the run cannot approve it", where=approver.name,
                wanted="the signature of another person (promotion.four_eyes)", found=f"a run started by {actor}")


def refuse_unless_valid(
    signed: Signed, approvers: Sequence[Approver], *, decision: Answer, name: str, version: int, model: str,
    bundle: str, actors: Sequence[str], now: datetime,
) -> Approver:
    """Return who approved, if the signature counts for this decision on this version now.

    Args:
        actors: who started the runs behind the version, where four eyes are asked for; else none.

    Raises:
        PromotionRefused: it is forged, by an unknown key, of another version or bundle, of another decision,
            expired, or by who started the run.
    """
    said = signed.statement
    if not verify(signed.key, PURPOSE, said.digest, signed.signature):
        raise PromotionRefused(
            "the signature is forged: the key that it names did not make it over this statement", where=said.approver)
    approver = approver_of(signed.key, approvers)
    if said.approver != approver.name:
        raise PromotionRefused("the signature is by another person's key", where=said.approver, found=approver.name)
    for what, wanted, found in (
            ("version", f"{name} version {version}", f"{said.name} version {said.version}"),
            ("model", model, said.model), ("evidence bundle", bundle, said.bundle)):
        if wanted != found:
            raise PromotionRefused(f"the signature is reused: it is of another {what}", where=said.approver,
                                   wanted=wanted[:40], found=found[:40])
    if said.decision != decision:
        raise PromotionRefused("the signature says something else", where=said.approver, wanted=decision,
                               found=said.decision)
    if said.expires is None or not now.astimezone(UTC) < datetime.fromisoformat(said.expires):
        raise PromotionRefused("the signature is expired", where=said.approver, wanted=f"one that holds at "
                               f"{in_utc(now)}", found=f"one until {said.expires}")
    refuse_own_run(approver, actors)
    return approver


def in_utc(moment: datetime) -> str:
    """A moment with its zone as a statement says it: 2026-11-02T10:04:05Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
