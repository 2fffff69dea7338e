"""hallmark audit report: the page that tells the ledger to people."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import place

app = typer.Typer()


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where index.html and the trees go.")] =
    Path("build/audit"),
    every: Annotated[bool, typer.Option("--all", help="Write the tree of every version, not of the newest 100 and "
                                                      "the champions alone.")] = False,
    json: place.Json = False,
) -> None:
    """Write a page for people: runs, refusals, promotions, overrides, rollbacks, erasures; who was champion when.

    A click leads from a version to its tree. The page is whole in itself, and says on top whether the ledger verifies.
    Exit code 1 where it does not: then the entries before the break are told alone.
    """
    import sys
    from dataclasses import asdict
    from datetime import UTC, datetime

    from flows.lineage.versions import Names
    from flows.timeline.writing import write
    from tasks.contracts.config import load_params

    started = Path.cwd()
    root = place.enter()
    folder = root / out if out == Path("build/audit") else started / out
    promotion = load_params().promotion
    found = write(place.ledger(), Names(promotion.policy_model, promotion.reward_model), folder, datetime.now(UTC),
                  every_tree=every, say=lambda text: print(text, file=sys.stderr))
    broken = asdict(found.verified.broken) if found.verified.broken else None
    if json:
        place.show_json({"page": str(found.page), "ok": found.verified.ok, "entries": found.verified.entries,
                         "broken": broken, "versions": found.versions, "trees": found.trees})
    else:
        print(f"{found.page} tells {found.versions} versions, {len(found.trees)} of them with a tree beside it.")
    if broken and not json:
        typer.echo(f"The ledger is broken at entry {broken['index']}: {broken['reason']}", err=True)
    raise typer.Exit(0 if found.verified.ok else 1)
