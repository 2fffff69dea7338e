"""Promotion: the alias `champion` moves by compare-and-swap, the new champion proves itself, or the old one is back.

Every step is in the ledger before it is taken, so that a run that was killed between swap and proof can be settled.
"""

from collections.abc import Callable
from pathlib import Path

from flows import history
from flows.run import Run
from tasks.contracts.errors import HallmarkError, PromotionRefused, Refused, StageKilled
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
    run.record("promoted", name=version.name, version=version.version, digest=version.digest,
               previous=before.version if before else None)


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
