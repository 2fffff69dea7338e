"""hallmark promote, rollback: make another version champion, on signatures or for a reason."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows import embedded
from flows.cli import place
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.desk import Desk


def promote(
    version: Annotated[int, typer.Argument(help="A version of the registered policy.")],
    override: Annotated[bool, typer.Option(
        "--override", help="Promote it though the gate refused it; two people must have signed for that.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; wanted with --override.")] = None,
) -> None:
    """Promote a version that has enough signatures.

    It becomes champion if the champion is still the one that it was compared with, is loaded from the registry, its
    digest compared, and answers the smoke prompt; otherwise the one before is back. Exit code 1: refused, and why.
    """
    from flows.desk import smoke_test
    from flows.promotion.by_hand import promote_version

    desk = _desk("promote")
    promoted, before = promote_version(desk, version, smoke_test(desk), override=override, reason=reason or "")
    print(f"promoted: {promoted} is the champion" + (" BY OVERRIDE of the gate" if override else "")
          + f"; before it: {before or 'nobody'}")


def rollback(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger for ever.")],
    to: Annotated[int | None, typer.Option(
        "--to", metavar="VERSION", help="An earlier champion; the one before where not given.")] = None,
) -> None:
    """Put an earlier champion back.

    It is loaded, its digest compared, and answers the smoke prompt, or the champion of now stays. What was taken back
    is not promoted again by a run, only by `hallmark promote`.
    """
    from flows.desk import smoke_test
    from flows.promotion.by_hand import roll_back

    desk = _desk("rollback")
    back, taken = roll_back(desk, to, smoke_test(desk), reason)
    print(f"rolled back: {back} is the champion again; taken back: {taken}")


def _desk(command: str) -> "Desk":
    from flows.desk import open_desk

    root = place.enter()
    embedded.settle(home())
    return open_desk(root, command)
