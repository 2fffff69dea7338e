"""hallmark audit served, reconcile, retention: are the records outside the ledger still what the ledger says."""

from typing import TYPE_CHECKING

import typer

from flows.cli import place
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.lineage.versions import Names, Told

app = typer.Typer()


@app.command()
def served(json: place.Json = False) -> None:
    """Say whether the bytes behind champion and every other alias are those that were approved.

    Exit code 1 where a file was changed, added or taken away, or an alias was moved past the ledger; each is named.
    """
    from flows.reconcile.served import served as look

    entries, names = _opened()
    found = look(home(), entries, names)
    if json:
        place.show_json({"ok": all(one.ok for one in found), "served": [one.as_json() for one in found]})
    else:
        for one in found:
            version = "nobody" if one.version is None else f"version {one.version}"
            print(f"{one.name} {one.alias:<10} {version:<12} {(one.digest or '')[:16]:<16} "
                  + (f"as approved, ledger entry {one.entry}" if one.ok else f"NOT AS APPROVED: {one.reason}"))
        print("Nobody bears an alias yet." if not found else "All bytes are the approved ones."
              if all(one.ok for one in found) else "Do not serve what is not as approved; `hallmark rollback` puts an "
              "earlier champion back, whose bytes are checked before it stands.")
    raise typer.Exit(0 if all(one.ok for one in found) else 1)


def _opened() -> "tuple[list[Told], Names]":
    """Entries and names of this workspace. Raises LedgerBroken where the ledger itself does not hold."""
    from flows.lineage.reading import opened
    from tasks.contracts.errors import LedgerBroken

    place.enter()
    ledger = place.ledger()
    found = ledger.verify()
    if found.broken:
        raise LedgerBroken(found.broken.reason, where=ledger.place)
    entries, _, names = opened(ledger)
    return entries, names
