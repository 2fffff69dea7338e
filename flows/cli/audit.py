"""hallmark audit: what can be proved afterwards."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.cli import (
    audit_answers,
    audit_heads,
    audit_pack,
    audit_rebuild,
    audit_reconcile,
    audit_report,
    audit_rows,
    audit_times,
    audit_trace,
    place,
)

app = typer.Typer(no_args_is_help=True, help="Prove what happened.", rich_markup_mode=None)
app.add_typer(audit_heads.app)
app.add_typer(audit_rows.app)
app.add_typer(audit_trace.app)
app.add_typer(audit_rebuild.app)
app.add_typer(audit_answers.app)
app.add_typer(audit_times.app)
app.add_typer(audit_report.app)
app.add_typer(audit_reconcile.app)
app.add_typer(audit_pack.app)


@app.callback()
def group() -> None:
    """Prove what happened."""


@app.command()
def verify(
    since: Annotated[str | None, typer.Option(
        "--since", metavar="FILE_OR_TAG", help="An exported head, which the ledger must continue.")] = None,
    json: place.Json = False,
) -> None:
    """Check the ledger's chain, signatures and head.

    Exit code 1 where an entry was changed, cut, inserted or reordered; the index of the first one is named. With
    --since also where the ledger was cut or rewritten as a whole, or signed by another key.
    """
    from pathlib import Path

    from tasks.records.exported_heads import read_exported

    started = Path.cwd()
    root = place.enter()
    older = read_exported(root, since if not (started / since).is_file() else str(started / since)) if since else None
    found = place.ledger().verify(older)
    if json:
        broken = asdict(found.broken) if found.broken else None
        continued = {"since": older.as_json()} if older else {}
        place.show_json({"ok": found.ok, "entries": found.entries, "broken": broken, **continued})
    elif found.broken:
        typer.echo(f"The ledger is broken at entry {found.broken.index}: {found.broken.reason}", err=True)
    else:
        print(f"The ledger is whole: {found.entries} entries, each chained to the one before and signed."
              + (f" It continues the head of {older.size} entries." if older else ""))
    raise typer.Exit(0 if found.ok else 1)
