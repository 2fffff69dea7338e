"""Promotion: the alias `champion` moves by compare-and-swap, the new champion proves itself, or the old one is back.

Every step is in the ledger before it is taken, so that a run that was killed between swap and proof can be settled.
"""

from collections.abc import Callable
from pathlib import Path

from flows import history
from flows.run import Run
from tasks.contracts.errors import DigestMismatch, HallmarkError, PromotionRefused, Refused, StageKilled
from tasks.records import registry
from tasks.records.registry import Version

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

Proof = Callable[[Path], None]  # loads the model in a folder and has it answer; raises HallmarkError where it does not


def promote(run: Run, version: Version, expected: Version | None, prove: Proof) -> None:
    """Make a version champion.

    Args:
        expected: who is champion as far as the caller knows; the swap fails if that has changed.

    Raises:
        PromotionRefused: another promotion came first, or the new champion answers nothing; the old one stands.
        HallmarkError: the proof broke off for another reason; the old one stands, and the next run may try again.
    """
    run.record("promoting", name=version.name, version=version.version, digest=version.digest,
               expected=expected.version if expected else None)
    try:
        registry.swap_alias(version.name, CHAMPION, expected.version if expected else None, version.version)
    except PromotionRefused as error:
        undone(run, version, StageKilled(error.message()))  # not its fault: the next run decides against who stands now
        raise
    complete(run, version, expected, prove)


def complete(run: Run, version: Version, before: Version | None, prove: Proof) -> None:
    """Have the champion prove itself; otherwise put the one before back. `before`: who that was, None: nobody."""
    try:
        prove(registry.fetch(version))
    except HallmarkError as error:
        registry.swap_alias(version.name, CHAMPION, version.version, before.version if before else None)
        undone(run, version, error)
        raise type(error)(
            f"the new champion did not prove itself and was taken back, {before or 'nobody'} is champion now; "
            + error.message(), where=str(version)) from error
    if before and before.version != version.version:
        move(version.name, PREVIOUS, before.version)
    taught_by = history.beside(run.ledger.entries(), version.name, version.version, run.params.promotion.reward_model)
    if taught_by is not None:  # the reward model's alias follows; it decides nothing
        move(run.params.promotion.reward_model, CHAMPION, taught_by)
    run.record("promoted", name=version.name, version=version.version, digest=version.digest,
               previous=before.version if before else None, reward_model_version=taught_by)


def trusted_champion(run: Run) -> Version | None:
    """Who is champion, as the registry and the ledger say with one voice.

    Raises:
        PromotionRefused: the alias or the version's digest was changed in the registry, past the ledger.
    """
    name = run.params.promotion.policy_model
    named, promoted = registry.by_alias(name, CHAMPION), history.champion(run.ledger.entries(), name)
    said = [(one.version, one.digest) if one else None for one in (named, promoted)]
    if said[0] != said[1]:
        registered, recorded = (f"version {one[0]} ({one[1][:12]})" if one else "nobody" for one in said)
        raise PromotionRefused(
            "the champion was changed in the registry, past the ledger", where=name, wanted=f"{recorded} as recorded",
            found=registered, next_step="Put the alias `champion` back to the version that the ledger names.")
    return named


def undone(run: Run, version: Version, error: HallmarkError) -> None:
    """Record that a promotion was taken back; `refused`: the version itself is to blame, and is not tried again."""
    run.record("promotion undone", name=version.name, version=version.version, digest=version.digest,
               error=type(error).__name__, refused=isinstance(error, Refused))


def settle(run: Run, prove: Proof) -> None:
    """End a promotion that was killed on its way: where the swap had happened its champion proves itself now."""
    begun = history.open_promotion(run.ledger.entries())
    if begun is None:
        return
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
    try:
        complete(run, version, before, prove)
    except HallmarkError:  # it is recorded, and the one before is back: this run goes on from there
        return


def move(name: str, alias: str, version: int) -> None:
    """Set an alias wherever it stands now; for aliases that decide nothing."""
    current = registry.by_alias(name, alias)
    registry.swap_alias(name, alias, current.version if current else None, version)
