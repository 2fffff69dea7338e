"""Promotion and rollback that a person asks for: the same swap as the flow's, on signatures or for a reason."""

from flows.desk import Desk
from flows.promote import Grounds, Proof, promote, settle, trusted_champion
from flows.promotion import consent, history, succession
from flows.promotion.approval import answer_to, close_expired, counted, refuse_other_verdict, refuse_settled, wanted
from flows.promotion.consent import Case
from flows.telling import notify
from tasks.contracts.errors import Misused, PromotionRefused
from tasks.records.approvals import Answer
from tasks.records.registry import Version


def promote_version(
    desk: Desk, version: int, prove: Proof, *, override: bool = False, reason: str = ""
) -> tuple[Version, Version | None]:
    """Promote a registered version; return it and the champion before it.

    Args:
        override: the gate refused it; two people signed that it is promoted all the same, and `reason` says why.

    Raises:
        PromotionRefused: too few signatures count, it was rejected, or another champion stands than the one that it
            was compared with.
    """
    if override and not reason.strip():
        raise Misused("an override wants a reason", wanted="--reason TEXT")
    with notify.telling(desk):
        settle(desk, prove)
        close_expired(desk, desk.clock())
        case, answer = desk.case(version), answer_to(override)
        refuse_settled(desk, case)
        refuse_other_verdict(desk, case, answer)
        names = refuse_unless_signed(desk, case, answer)
        champion = trusted_champion(desk)
        refuse_other_champion(case, champion)
        promoted = desk.registered(version, case.digest)
        promote(desk, promoted, champion, prove, Grounds(tuple(names), reason.strip() if override else None))
        return promoted, champion


def refuse_unless_signed(desk: Desk, case: Case, answer: Answer) -> list[str]:
    """Names of those who signed. Raises PromotionRefused where too few signatures count, and why the others do not."""
    names, faults = counted(desk, case, answer)
    needed = wanted(desk, answer)
    if case.expired and answer == "approve" and needed:
        faults.append(f"{case} waited too long for approval; `hallmark retrain` asks again")
    if len(names) < needed:
        raise PromotionRefused(
            "too few signatures count", where=str(case), wanted=f"{needed} to {answer} it",
            found=f"{len(names)}" + (f" ({', '.join(names)})" if names else "") + "".join(f"; {one}" for one in faults),
            next_step=f"`hallmark approve {case.version} {'--override ' if answer == 'override' else ''}--key FILE "
                      "--reason TEXT` adds one.")
    return names


def refuse_other_champion(case: Case, champion: Version | None) -> None:
    """Raise PromotionRefused where another champion stands than the one that the evidence compares with."""
    stands = champion.version if champion else None
    if case.against != stands:
        said = ["nobody" if one is None else f"version {one}" for one in (case.against, stands)]
        raise PromotionRefused(
            "another promotion came first: it was not compared with who is champion now", where=str(case),
            wanted=f"{said[0]} as champion", found=said[1],
            next_step="`hallmark retrain` compares it with the champion of now.")


def roll_back(desk: Desk, to: int | None, prove: Proof, reason: str) -> tuple[Version, Version]:
    """Put an earlier champion back, by default the one before; return it and the one that was taken back.

    Raises:
        PromotionRefused: there is nobody to go back to, the version was never champion, or it was rejected since.
    """
    if not reason.strip():
        raise Misused("a rollback wants a reason", wanted="--reason TEXT")
    with notify.telling(desk):
        settle(desk, prove)
        champion = trusted_champion(desk)
        if champion is None:
            raise PromotionRefused("there is no champion to take back", where=desk.name)
        back = way_back(desk, champion, to)
        promote(desk, back, champion, prove, Grounds(rollback=reason.strip()))
        return back, champion


def way_back(desk: Desk, champion: Version, to: int | None) -> Version:
    """The earlier champion that a rollback leads to, as it is registered."""
    stood = succession.line(desk.ledger.entries(), desk.name)
    earlier = earlier_champion(desk, to) if to is not None else stood[-2] if len(stood) > 1 else None
    if earlier is None:
        raise PromotionRefused("nobody was champion before", where=str(champion),
                               next_step="`hallmark rollback --to VERSION` names an earlier champion.")
    if earlier.version == champion.version:
        raise PromotionRefused("is the champion already", where=str(champion))
    consent.refuse_rejected(desk.ledger.entries(), desk.name, earlier.version, earlier.digest)
    return desk.registered(earlier.version, earlier.digest)


def earlier_champion(desk: Desk, version: int) -> history.Standing:
    """A version that was champion once, as the ledger has it."""
    found = succession.was_champion(desk.ledger.entries(), desk.name)
    if version in found:
        return found[version]
    desk.case(version)  # raises where the ledger knows no such version at all
    raise PromotionRefused(
        "was never champion, so there is no way back to it", where=f"{desk.name} version {version}",
        wanted=f"one of: {', '.join(map(str, sorted(found))) or 'none'}",
        next_step=f"`hallmark promote {version}` promotes it, where it passed.")
