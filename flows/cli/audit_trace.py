"""hallmark audit trace, diff, refused: a version's whole tree, how two versions differ, what was refused and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place
from flows.cli.audit_rows import Model, Version
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.lineage.graph import Graph

app = typer.Typer()


@app.command()
def trace(
    version: Version, model: Model = None, json: place.Json = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the tree as a page with a picture.")] = None,
) -> None:
    """Tell the whole tree of a version, down to rows and data files, each with its digest and ledger entry."""
    from flows.lineage.picture import page
    from flows.lineage.reading import opened
    from flows.lineage.trace import trace as follow
    from tasks.stage.files import write_whole

    place.enter()
    entries, _, names = opened(place.ledger())
    graph = follow(home(), entries, names, model or names.policy, version)
    if html:
        write_whole(html, page(graph))
    if json:
        place.show_json(graph.as_json() | ({"html": str(html)} if html else {}))
    else:
        _show_tree(graph)
        if html:
            print(f"The picture is in {html}.")


@app.command()
def diff(
    a: Annotated[int, typer.Argument(help="A version of the registered policy.")],
    b: Annotated[int, typer.Argument(help="Another one.")],
    model: Model = None, json: place.Json = False,
    rows: Annotated[bool, typer.Option("--rows", help="Name every row that came or went, not their number alone.")]
    = False,
) -> None:
    """Say how version B differs from version A: rows, settings, code, packages, metrics, gate."""
    from flows.lineage.diff import diff as compare
    from flows.lineage.reading import opened

    root = place.enter()
    entries, store, names = opened(place.ledger())
    found = compare(root, home(), entries, store, model or names.policy, a, b)
    if not rows:
        for one in found["rows"]:
            del one["in_ids"], one["out_ids"]
    if json:
        place.show_json(found)
    else:
        _show_diff(found)


@app.command()
def refused(json: place.Json = False) -> None:
    """List what was refused, overridden, rejected or taken back, and why."""
    from flows.lineage.reading import kept_text, opened
    from flows.lineage.refusals import refusals

    place.enter()
    found = refusals(opened(place.ledger())[0], lambda digest: kept_text(home(), digest))
    if json:
        place.show_json({"refused": found, "entries": [one["entry"] for one in found]})
        return
    for one in found:
        whose = f"version {one['version']} " if one["version"] else f"{one['digest'][:12]} " if one["digest"] else ""
        print(f"entry {one['entry']}, {one['time'][:16]}Z: {whose}{one['what']}: {one['why']}")
    print(f"{len(found)} refusals in the ledger.")


def _show_tree(graph: "Graph") -> None:
    for depth, node, again in graph.walk():
        digest = (node.digest or "not recorded")[:16]
        entry = "" if node.entry is None else f"entry {node.entry}"
        facts = "(above)" if again else "; ".join(f"{key}: {value}" for key, value in node.facts.items())
        what = node.label if node.label.startswith(node.kind) else f"{node.kind} {node.label}"
        print(f"{'  ' * depth}{what}".ljust(56), digest.ljust(16), entry.ljust(11), facts)


def _show_diff(found: dict[str, Any]) -> None:
    from flows.lineage.diff import sentences

    for line in sentences(found):
        print(line)
