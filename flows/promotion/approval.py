"""Approving and rejecting: what a person signs about a version, checked before it is signed and as it is read back."""

from datetime import datetime, timedelta
from typing import Any

from flows.desk import Desk
from flows.promote import alone
from flows.promotion import consent, history
from flows.promotion.aliases import Mover, withdraw
from flows.promotion.consent import Case
from tasks.contracts.errors import PromotionRefused
from tasks.records import registry
from tasks.records.approvals import (
    Answer,
    Signed,
    Statement,
    approver_of,
    in_utc,
    read_approvers,
    refuse_own_run,
    sign_statement,
)
from tasks.records.registry import Version
from tasks.records.signatures import Key


def ask(run: Mover, version: Version, now: datetime) -> str:
    """Record that a version waits for approval; the sentence says until when, and which commands give it."""
    settings, number = run.params.promotion, version.version
    bundle = consent.case_of(run.ledger.entries(), version.name, number).bundle
    until = in_utc(now + timedelta(hours=settings.approval_hours))
    run.record("approval asked", name=version.name, version=number, digest=version.digest, bundle=bundle,
               wanted=settings.approvals, expires=until)
    return (f"{version} passed the gate and waits for {settings.approvals} approval(s) until {until}: "
            f"`hallmark approve {number} --key FILE --reason TEXT`, then `hallmark promote {number}`")


def close_expired(run: Mover, now: datetime) -> list[Case]:
    """Record each wait for approval that is over; what waited is no challenger any more, and no signature holds."""
    name = run.params.promotion.policy_model
    overdue = consent.overdue(run.ledger.entries(), name, now)
    for case in overdue:
        assert case.asked_until is not None
        run.record("approval expired", name=name, version=case.version, digest=case.digest, bundle=case.bundle,
                   expires=in_utc(case.asked_until))
        withdraw(name, case.version)
    return overdue


def approve(desk: Desk, version: int, key: Key, reason: str, *, override: bool = False) -> Signed:
    """Sign for a version's promotion and record it. `override`: although the gate refused it.

    Raises:
        PromotionRefused: the key is unknown, the run is the signer's own, the version was rejected, promoted or
            expired, the signer has approved already, or the gate said something else than the signer supposes.
        DigestMismatch: the evidence bundle is not the one that was recorded.
    """
    close_expired(desk, desk.clock())
    case, answer = desk.case(version), answer_to(override)
    approver = approver_of(key.public, read_approvers(desk.root))
    if desk.params.promotion.four_eyes:
        refuse_own_run(approver, case.actors)
    refuse_settled(desk, case)
    refuse_other_verdict(desk, case, answer)
    if case.expired and not override:
        raise PromotionRefused(
            "waited too long for approval: its time is expired", where=str(case), found=in_utc(desk.clock()),
            wanted=f"an answer before {in_utc(case.asked_until)}" if case.asked_until else "",
            next_step="`hallmark retrain` asks for approval again.")
    if approver.name in counted(desk, case, answer)[0]:
        raise PromotionRefused("has approved it already; one person counts once", where=approver.name)
    until = case.asked_until if case.asked_until and not override else None
    until = until or desk.clock() + timedelta(hours=desk.params.promotion.approval_hours)
    signed = sign_statement(key, statement(desk, case, answer, approver.name, reason, in_utc(until)))
    record(desk, "approved", case, signed)
    if approver.name not in counted(desk, desk.case(version), answer)[0]:  # as read back from the ledger
        raise PromotionRefused("was recorded, but does not count when it is read back", where=approver.name)
    return signed


def reject(desk: Desk, version: int, key: Key, reason: str) -> Signed:
    """Sign that a version must never be promoted, and record it. One signature of anybody on the list is enough.

    Raises:
        PromotionRefused: the key is unknown, the version is the champion, or it was rejected already.
    """
    case = desk.case(version)
    approver = approver_of(key.public, read_approvers(desk.root))
    with alone(desk.home):
        standing = history.champion(desk.ledger.entries(), desk.name)
        if standing and standing.version == version:
            raise PromotionRefused("is the champion, which is not rejected where it stands", where=str(case),
                                   next_step="`hallmark rollback --reason TEXT` first.")
        consent.refuse_rejected(desk.ledger.entries(), case.name, case.version, case.digest)
        signed = sign_statement(key, statement(desk, case, "reject", approver.name, reason, None))
        record(desk, "rejected", case, signed)
    registry.tag_version(registry.get(case.name, version), {"hallmark.rejected": f"{reason} ({approver.name})"})
    withdraw(case.name, version)
    return signed


def counted(desk: Desk, case: Case, answer: Answer) -> tuple[list[str], list[str]]:
    """Whose signatures count now, and why others do not."""
    return consent.signers(case, read_approvers(desk.root), answer, four_eyes=desk.params.promotion.four_eyes,
                           now=desk.clock())


def answer_to(override: bool) -> Answer:
    return "override" if override else "approve"


def wanted(desk: Desk, answer: Answer) -> int:
    """Signatures that a promotion needs; an override never fewer than two."""
    return max(2, desk.params.promotion.approvals) if answer == "override" else desk.params.promotion.approvals


def refuse_settled(desk: Desk, case: Case) -> None:
    """Raise PromotionRefused where there is nothing left to approve."""
    entries = desk.ledger.entries()
    consent.refuse_rejected(entries, case.name, case.version, case.digest)
    standing = history.champion(entries, case.name)
    if standing and standing.version == case.version:
        raise PromotionRefused("is the champion already", where=str(case))


def refuse_other_verdict(desk: Desk, case: Case, answer: Answer) -> None:
    """Raise PromotionRefused unless an approval is for what the gate passed, and an override for what it refused.

    What counts is the decision in the signed bundle, and that the ledger says the same.
    """
    verdict = consent.evidence_bundle(desk.home, case)["decision"]["verdict"]
    if verdict != case.verdict:
        raise PromotionRefused("the ledger and the evidence bundle do not say the same of it", where=str(case),
                               wanted=f"the verdict {verdict} of the bundle", found=str(case.verdict))
    if answer == "override" and verdict == "promote":
        raise PromotionRefused("there is nothing to override: the gate passed it", where=str(case),
                               next_step="Leave out --override.")
    if answer == "approve" and verdict != "promote":
        raise PromotionRefused(
            "the gate refused it", where=str(case), next_step=f"`hallmark gate {case.version}` says why. To promote it "
            "all the same, two people sign with `hallmark approve --override`; it is shown as an override for ever.")


def statement(desk: Desk, case: Case, answer: Answer, approver: str, reason: str, expires: str | None) -> Statement:
    if not reason.strip():
        raise PromotionRefused("wants a reason", where=str(case), wanted="--reason TEXT", found="nothing")
    return Statement(answer, case.name, case.version, case.digest, case.bundle, approver, reason.strip(),
                     in_utc(desk.clock()), expires)


def record(desk: Desk, kind: str, case: Case, signed: Signed) -> None:
    """Write a signed statement into the ledger, beside the version that it is about."""
    payload: dict[str, Any] = signed.as_json()
    desk.record(kind, name=case.name, version=case.version, digest=case.digest, **payload)
