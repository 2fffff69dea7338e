"""hallmark approve, reject: sign for or against a version."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import place
from tasks.contracts.errors import ServiceUnreachable

if TYPE_CHECKING:
    from flows.desk import Desk
    from tasks.records.signatures import Key

Version = Annotated[int, typer.Argument(help="A version of the registered policy.")]
KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="Your private key, readable by you alone.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger for ever.")]


def approve(
    version: Version,
    key: KeyFile,
    reason: Reason,
    override: Annotated[bool, typer.Option(
        "--override", help="Sign for a version that the gate refused; two people must.")] = False,
) -> None:
    """Sign for a version's promotion.

    The signature is over the version, its digest, its evidence bundle and until when it holds. Exit code 1 where it
    would not count: the key is not on the committed allow-list, the run is your own, the wait is over.
    """
    from flows.promotion import approval

    desk, own = _desk("approve", key)
    signed = approval.approve(desk, version, own, reason, override=override)
    case, answer = desk.case(version), approval.answer_to(override)
    names, needed = approval.counted(desk, case, answer)[0], approval.wanted(desk, answer)
    print(f"{answer}: {case}, signed by {signed.statement.approver}, holds until {signed.statement.expires}")
    words = f"`hallmark promote {version}{' --override --reason TEXT' if override else ''}`"
    print(f"{len(names)} of {needed} signature(s)" + (f"; {words} promotes it" if len(names) >= needed else ""))
    if len(names) >= needed and not override:  # what the gate refused is promoted by hand alone
        _tell_schedule(desk, version, case.digest)


def _tell_schedule(desk: "Desk", version: int, digest: str) -> None:
    """Tell Prefect, where a server is known, that a version has what it needs; its deployment promotes it."""
    from flows import embedded
    from flows.scheduling import served

    url = served.server(desk.home)
    if url is None:
        return
    embedded.settle(desk.home)
    try:
        served.tell(url, served.APPROVAL_GIVEN, served.name_of(desk.root, desk.home),
                    {"version": version, "digest": digest})
    except ServiceUnreachable as error:
        print(error, file=sys.stderr)
        return
    print(f"told Prefect at {url.removesuffix('/api')}: where `hallmark schedule` serves, it is promoted now")


def reject(version: Version, key: KeyFile, reason: Reason) -> None:
    """Sign that a version must never be promoted.

    One signature of anybody on the committed allow-list is enough, and it holds for ever, whatever is signed later.
    """
    from flows.promotion import approval

    desk, own = _desk("reject", key)
    signed = approval.reject(desk, version, own, reason)
    print(f"rejected: {desk.name} version {version}, by {signed.statement.approver}")


def _desk(command: str, key: Path) -> tuple["Desk", "Key"]:
    from flows.desk import open_desk
    from tasks.records.signatures import load_own_key

    own = load_own_key(key.absolute())  # before the current folder changes
    return open_desk(place.enter(), command), own
