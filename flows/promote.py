"""Promotion: the alias `champion` moves by compare-and-swap, the new champion proves itself, or the old one is back.

Every step is in the ledger before it is taken, so that a run that was killed between swap and proof can be settled.
One promotion at a time: who comes second waits for the first to end, and then finds another champion.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.erasure.affected import refuse_affected
from flows.promotion import consent, history
from flows.promotion.aliases import CHAMPION, Mover, follow
from flows.promotion.verified import verified_model
from tasks.contracts.errors import (
    DigestMismatch,
    HallmarkError,
    PromotionRefused,
    Refused,
    ServiceUnreachable,
    StageKilled,
)
from tasks.records import registry
from tasks.records.registry import Version

WAIT_SECONDS = 900.0  # for another promotion's proof, which loads a model

Proof = Callable[[Path], None]  # loads the model in a folder and has it answer; raises HallmarkError where it does not


@dataclass(frozen=True)
class Grounds:
    """On what grounds a version becomes champion, besides the gate."""

    approvals: tuple[str, ...] = ()  # names of those who signed
    override: str | None = None  # why it is promoted though the gate refused it
    rollback: str | None = None  # why the champion before it is taken back

    def payload(self) -> dict[str, Any]:
        return {"approvals": list(self.approvals), "override": self.override, "rollback": self.rollback}


def promote(
    run: Mover, version: Version, expected: Version | None, prove: Proof, grounds: Grounds | None = None
) -> None:
    """Make a version champion.

    Args:
        expected: who is champion as far as the caller knows; the swap fails if that has changed.

    Raises:
        PromotionRefused: another promotion came first, the version was rejected or learned from a forgotten row, or the
            new champion answers nothing; the old one stands.
        HallmarkError: the proof broke off for another reason; the old one stands, and the next run may try again.
    """
    with alone(run.home):
        _settle(run, prove)
        consent.refuse_rejected(run.ledger.entries(), version.name, version.version, version.digest)
        refuse_affected(run, version.name, version.version)
        _swap_and_prove(run, version, expected, prove, grounds or Grounds())


def _swap_and_prove(
    run: Mover, version: Version, expected: Version | None, prove: Proof, grounds: Grounds
) -> None:
    run.record("promoting", name=version.name, version=version.version, digest=version.digest,
               expected=expected.version if expected else None, **grounds.payload())
    try:
        registry.swap_alias(version.name, CHAMPION, expected.version if expected else None, version.version)
    except PromotionRefused as error:
        undone(run, version, StageKilled(error.message()))  # not its fault: the next run decides against who stands now
        raise
    complete(run, version, expected, prove, grounds)


def complete(run: Mover, version: Version, before: Version | None, prove: Proof, grounds: Grounds) -> None:
    """Have the champion prove itself; otherwise put the one before back. `before`: who that was, None: nobody."""
    try:
        consent.refuse_rejected(run.ledger.entries(), version.name, version.version, version.digest)
        refuse_affected(run, version.name, version.version)
        prove(verified_model(run.ledger, version.name, version.version))
    except HallmarkError as error:
        registry.swap_alias(version.name, CHAMPION, version.version, before.version if before else None)
        undone(run, version, error)
        raise type(error)(
            f"the new champion did not prove itself and was taken back, {before or 'nobody'} is champion now; "
            + error.message(), where=str(version)) from error
    if grounds.override:
        registry.tag_version(version, {"hallmark.override": f"{grounds.override} ({', '.join(grounds.approvals)})"})
    taught_by = history.beside(run.ledger.entries(), version.name, version.version, run.params.promotion.reward_model)
    run.record("promoted", name=version.name, version=version.version, digest=version.digest,
               previous=before.version if before else None, reward_model_version=taught_by, **grounds.payload())
    follow(run, version.name)


@contextmanager
def alone(home: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold off other promotions of this installation. The operating system frees the lock of a killed process."""
    from filelock import FileLock, Timeout

    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "promotion.lock", timeout=wait_seconds):
            yield
    except Timeout:
        raise ServiceUnreachable(
            f"another promotion has not ended in {wait_seconds:.0f} s", where=str(home / "promotion.lock"),
            next_step="See what it does; it may be loading a model.") from None


def trusted_champion(run: Mover) -> Version | None:
    """Who is champion, as the registry and the ledger say with one voice.

    Raises:
        PromotionRefused: the alias or the version's digest was changed in the registry, past the ledger.
    """
    name = run.params.promotion.policy_model
    with alone(run.home):  # between a swap and its proof the two differ
        named, promoted = registry.by_alias(name, CHAMPION), history.champion(run.ledger.entries(), name)
    said = [(one.version, one.digest) if one else None for one in (named, promoted)]
    if said[0] != said[1]:
        registered, recorded = (f"version {one[0]} ({one[1][:12]})" if one else "nobody" for one in said)
        raise PromotionRefused(
            "the champion was changed in the registry, past the ledger", where=name, wanted=f"{recorded} as recorded",
            found=registered, next_step="Put the alias `champion` back to the version that the ledger names.")
    return named


def undone(run: Mover, version: Version, error: HallmarkError) -> None:
    """Record that a promotion was taken back; `refused`: the version itself is to blame, and is not tried again."""
    run.record("promotion undone", name=version.name, version=version.version, digest=version.digest,
               error=type(error).__name__, refused=isinstance(error, Refused))


def settle(run: Mover, prove: Proof) -> bool:
    """End promotions that were killed on their way; return whether there was one.

    Where the swap had happened its champion proves itself now, or the one before is back.
    """
    with alone(run.home):
        found = _settle(run, prove)
        follow(run, run.params.promotion.policy_model)
        return found


def _settle(run: Mover, prove: Proof) -> bool:
    found = False
    while (begun := history.open_promotion(run.ledger.entries())) is not None:
        _end(run, begun, prove)
        found = True
    return found


def _end(run: Mover, begun: dict[str, Any], prove: Proof) -> None:
    name = begun["name"]
    version = registry.get(name, begun["version"])
    if version.digest != begun["digest"]:
        raise DigestMismatch("the version was changed in the registry while it was promoted", where=str(version),
                             wanted=begun["digest"], found=version.digest)
    before = registry.get(name, begun["expected"]) if begun["expected"] is not None else None
    champion = registry.by_alias(name, CHAMPION)
    if champion is None or champion.version != version.version:
        undone(run, version, StageKilled("the run was killed before the swap"))
        return
    grounds = Grounds(tuple(begun.get("approvals", ())), begun.get("override"), begun.get("rollback"))  # 0.1 had none
    try:
        complete(run, version, before, prove, grounds)
    except HallmarkError:  # it is recorded, and the one before is back: this run goes on from there
        return
