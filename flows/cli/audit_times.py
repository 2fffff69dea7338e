"""hallmark audit champion, rollbacks: what stood when, and how rollbacks ended."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from flows.cli import answers, place

app = typer.Typer()


@app.command()
def champion(
    at: Annotated[str | None, typer.Option(
        "--at", metavar="TIME", help="2026-01-10 (its end, UTC) or 2026-01-10T09:30:00Z; now where not given.")] = None,
    json: place.Json = False,
) -> None:
    """Say which version was champion at a time, since when, until when, and by whom."""
    from datetime import UTC, datetime

    from flows.lineage import reigns
    from tasks.records.approvals import in_utc

    moment = reigns.moment_of(at) if at else datetime.now(UTC)
    entries, name = _opened(reigns.KINDS)
    found = reigns.at(entries, name, moment)
    said = {"name": name, **asdict(found)} if found else None
    basis = [index for index in (found.entry, found.ended) if index is not None] if found else []
    answers.show({"at": in_utc(moment), "champion": said, "entries": basis}, json, answers.of_champion)


@app.command()
def rollbacks(json: place.Json = False) -> None:
    """List rollbacks: when, by whom, from which version to which, why, and whether the way back held."""
    from flows.lineage import reigns

    entries, name = _opened(reigns.KINDS)
    found = reigns.rollbacks(entries, name)
    basis = [index for one in found for index in one["entries"]]
    answers.show({"name": name, "rollbacks": found, "entries": basis}, json, answers.of_rollbacks)


def _opened(kinds: tuple[str, ...]) -> tuple[Any, str]:
    """Entries of these kinds, and the registered name of policies."""
    from flows.lineage.reading import opened

    place.enter()
    entries, _, names = opened(place.ledger(), kinds)
    return entries, names.policy
