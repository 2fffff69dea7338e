"""hallmark audit served, reconcile, retention: are the records outside the ledger still what the ledger says."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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


@app.command()
def reconcile(
    deep: Annotated[bool, typer.Option(
        "--deep", help="Read the bytes of remotes, of stores elsewhere and of large objects too.")] = False,
    json: place.Json = False,
) -> None:
    """Hold MLflow, DVC and the disk against the ledger.

    Exit code 1 where something was edited, deleted or garbage-collected outside of Hallmark; each thing is named, with
    what to do next. A version that `gc mlflow --versions` deleted after its retention is named too, and is no finding.
    """
    import sys

    from flows.reconcile.comparing import reconcile as compare

    entries, names = _opened()
    shown = sys.stderr.isatty() and not json
    absent: list[str] = []
    found = compare(Path.cwd(), home(), entries, names, deep=deep, note=absent.append,
                    say=lambda line: print(f"\r\033[K{line}", end="", file=sys.stderr) if shown else None)
    if shown:
        print("\r\033[K", end="", file=sys.stderr)
    if json:
        place.show_json({"ok": not found, "entries": len(entries), "deep": deep,
                         "findings": [one.as_json() for one in found], "explained": absent})
    else:
        print("".join(f"{one}\n" for one in (*absent, *found)) + (
            f"{len(found)} thing(s) are not as the {len(entries)} entries of the ledger say." if found else
            f"MLflow, DVC and disk are as the {len(entries)} entries of the ledger say."))
    raise typer.Exit(1 if found else 0)


@app.command()
def retention(json: place.Json = False) -> None:
    """List what was deleted through Hallmark, and which versions must be kept until when.

    Answered from the ledger and from retention.keep_days alone.
    """
    from dataclasses import asdict

    from flows.reconcile.retention import deleted, free, kept
    from tasks.contracts.config import load_params
    from tasks.records.ledger import utc_now

    entries, names = _opened()
    days = load_params().retention.keep_days
    keeps, gone = kept(entries, names, days, utc_now()), deleted(entries)
    if json:
        place.show_json({"keep_days": days, "keep": [asdict(one) for one in keeps], "free": free(entries, keeps),
                         "deleted": gone})
        return
    for one in keeps:
        until = f"until {one.until[:10]}" if one.until else "while it is that"
        print(f"keep     {one!s:<28} {until:<18} {one.why}, ledger entry {one.entry}")
    for name in free(entries, keeps):
        print(f"free     {name:<28} its {days:g} days are over")
    for said in gone:
        ids = ", ".join(str(name)[:12] for name in said["ids"][:3]) + (" …" if len(said["ids"]) > 3 else "")
        print(f"deleted  {len(said['ids'])} {said['what']} on {said['time'][:10]} by {said['by']}: {said['reason']} "
              f"({ids}), ledger entry {said['entry']}")
    print(f"{len(keeps)} version(s) are kept, {len(gone)} deletion(s) are in the ledger.")


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
