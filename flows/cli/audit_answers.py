"""hallmark audit row, checks, origin, approvals: where a row and a version came from, and who answers for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import answers, place
from flows.cli.audit_rows import Model, Version
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.lineage.versions import Names, Registration, Told

app = typer.Typer()


@app.command("row")
def row_command(
    row: Annotated[str, typer.Argument(help="Its id, at least 8 first characters of it, or - for JSON on stdin.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A data file to take the row from.")] = None,
    line: Annotated[int, typer.Option("--line", min=1, help="Which row of the file, from 1.")] = 1,
    json: place.Json = False,
) -> None:
    """Say where a row came from.

    File, its digest and line, annotator, licence, consent and guideline, for each version of the data that held it,
    and whether it was forgotten. Absence is an answer too, with exit code 0; 1 where a list that it rests on is gone.
    """
    from flows.cli.audit_rows import given
    from flows.lineage.reading import opened
    from flows.lineage.row_origins import KINDS, row_origins
    from flows.lineage.versions import registrations
    from flows.lineage.who_saw import full_id

    place.enter()
    entries, store, _ = opened(place.ledger(), KINDS)
    asked = full_id(given(row, file, line), registrations(entries), store)
    answer = row_origins(home(), entries, store, asked)
    answers.show(answer, json, answers.of_row)
    raise typer.Exit(1 if answer["unreadable"] else 0)


@app.command()
def checks(version: Version, model: Model = None, json: place.Json = False) -> None:
    """Say which checks a version's data passed: expectation by expectation, source by source, and which rows not."""
    from flows.lineage.checks import KINDS
    from flows.lineage.checks import checks as ask

    entries, _, one = version_asked(version, model, KINDS)
    answers.show(ask(home(), entries, one), json, answers.of_checks)


@app.command()
def origin(version: Version, model: Model = None, json: place.Json = False) -> None:
    """Say what a version was made from: commit, uncommitted changes, packages, CPU, GPU, driver, CUDA, models."""
    from flows.lineage.made_from import made_from

    entries, names, one = version_asked(version, model, ("registered", "run started"))
    answers.show(made_from(home(), entries, names, one), json, answers.of_origin)


@app.command()
def approvals(version: Version, model: Model = None, json: place.Json = False) -> None:
    """Say why a version was promoted: findings and thresholds, who signed over which evidence, who started the run.

    Signatures are checked again. Exit code 1 where one does not hold.
    """
    from flows.lineage.approvals import ABOUT
    from flows.lineage.approvals import approvals as ask

    root = place.enter()
    entries, _, one = version_asked(version, model, ("registered", "run started", "gate decided", *ABOUT))
    answer = ask(root, home(), entries, one)
    answers.show(answer, json, answers.of_approvals)
    raise typer.Exit(0 if all(signed["holds"] for signed in answer["signatures"]) else 1)


def version_asked(
    version: int, model: str | None, kinds: tuple[str, ...]
) -> "tuple[list[Told], Names, Registration]":
    """Entries of these kinds, the registered names, and the version as it was registered last."""
    from flows.lineage.reading import opened
    from flows.lineage.versions import registration

    place.enter()
    entries, _, names = opened(place.ledger(), kinds)
    return entries, names, registration(entries, model or names.policy, version)
