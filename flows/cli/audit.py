"""hallmark audit: what can be proved afterwards."""

from dataclasses import asdict

import typer

from flows.cli import audit_rows, place

app = typer.Typer(no_args_is_help=True, help="Prove what happened.", rich_markup_mode=None)
app.add_typer(audit_rows.app)


@app.callback()
def group() -> None:
    """Prove what happened."""


@app.command()
def verify(json: place.Json = False) -> None:
    """Check the ledger's chain and signatures.

    Exit code 1 where an entry was changed, cut, inserted or reordered; the index of the first one is named.
    """
    place.enter()
    found = place.ledger().verify()
    if json:
        broken = asdict(found.broken) if found.broken else None
        place.show_json({"ok": found.ok, "entries": found.entries, "broken": broken})
    elif found.broken:
        typer.echo(f"The ledger is broken at entry {found.broken.index}: {found.broken.reason}", err=True)
    else:
        print(f"The ledger is whole: {found.entries} entries, each chained to the one before and signed.")
    raise typer.Exit(0 if found.ok else 1)
