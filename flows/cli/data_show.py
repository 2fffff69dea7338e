"""hallmark data show: the versions of the data, one of them, or what changed between two."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place

if TYPE_CHECKING:
    from flows.data.comparing import Between
    from flows.data.versions import DataVersion

app = typer.Typer(rich_markup_mode=None)
MOST_SHOWN = 20  # ids on a screen; --json has them all


@app.command()
def show(
    first: Annotated[int | None, typer.Argument(metavar="A", help="A data version; its sheet is shown.")] = None,
    second: Annotated[int | None, typer.Argument(metavar="B", help="Another: what changed from A to B.")] = None,
    rows: Annotated[bool, typer.Option("--rows", help="With two: list the ids of rows that came and went.")] = False,
    json: place.Json = False,
) -> None:
    """Show the versions of the data; with one its sheet, with two what changed between them."""
    from flows.data import comparing as data_show
    from flows.data.versions import KIND, data_versions
    from tasks.contracts.places import home

    place.enter()
    versions = data_versions(place.ledger().entries_of([KIND]))
    if first is None:
        place.show_json({"versions": [as_json(one) for one in versions]}) if json else list_versions(versions)
        return
    one = data_show.one_of(versions, first)
    if second is None:
        sheet = data_show.sheet(home(), one)
        place.show_json({**as_json(one), "sheet": sheet}) if json else show_sheet(one, sheet)
        return
    found = data_show.between(home(), one, data_show.one_of(versions, second))
    place.show_json(changes(first, second, found, rows)) if json else show_changes(first, second, found, rows)


def as_json(one: "DataVersion") -> dict[str, Any]:
    return {"version": one.version, "time": one.time, "rows": one.accepted, "why": one.why, "data": one.data,
            "files": dict(one.files), "parent": one.parent, "entry": one.entry}


def changes(first: int, second: int, found: "Between", rows: bool) -> dict[str, Any]:
    listed = {"row_ids": {"in": list(found.rows_in), "out": list(found.rows_out)}} if rows else {}
    return {"before": first, "after": second, "rows_in": len(found.rows_in), "rows_out": len(found.rows_out),
            "rows_in_both": found.rows_in_both, **listed, "sources": dict(found.sources), "shift": shift_of(found),
            "distributions": {"before": found.before, "after": found.after}}


def shift_of(found: "Between") -> list[dict[str, Any]]:
    """How far each spread moved, the largest first."""
    from tasks.data.checks.shift import shifts

    ordered = sorted(shifts(found.before, found.after), key=lambda one: -one.divergence)
    return [{"kind": one.kind, "of": one.of, "divergence": round(one.divergence, 4), "p": one.p} for one in ordered]


def list_versions(versions: Sequence["DataVersion"]) -> None:
    for one in versions:
        print(f"{one.version:>4}  {one.time[:19]}Z  {one.accepted:>9,} rows  {one.why}")
    if not versions:
        print("no data version is recorded; `hallmark data add` or `hallmark retrain` records one")


def show_sheet(one: "DataVersion", sheet: Mapping[str, Any]) -> None:
    print(f"data version {one.version}, {one.time[:19]}Z, {one.why}, {one.accepted:,} rows, {one.data}")
    for source in sheet["sources"]:
        print(f"\n{source['path']}  {source['sha256'][:12] if source['sha256'] else 'missing'}")
        for name, value in source.items():
            if name not in ("path", "sha256"):
                print(f"  {name.replace('_', ' '):<13} {value}")


def show_changes(first: int, second: int, found: "Between", rows: bool) -> None:
    print(f"from data version {first} to {second}: {len(found.rows_in):,} rows came, {len(found.rows_out):,} went, "
          f"{found.rows_in_both:,} are in both")
    for path, sides in found.sources.items():
        print(f"\n{path}: {'came' if sides['before'] is None else 'went' if sides['after'] is None else 'changed'}")
        for name in sides["before"] if sides["before"] and sides["after"] else ():
            print(f"  {name:<13} {sides['before'][name]}  ->  {sides['after'][name]}")
    for kind in sorted({*found.before, *found.after}):
        print(f"\n{kind:<33}{'before':>12}{'after':>12}")
        was, now = (flat(without_counts(said.get(kind, {}))) for said in (found.before, found.after))
        for name in dict.fromkeys([*was, *now]):
            print(f"  {name:<31}{was.get(name, ''):>12}{now.get(name, ''):>12}")
    for one in shift_of(found):
        print(f"  {one['kind']}: {one['of']}: {one['divergence']:.3f} bits apart (Jensen-Shannon), p = {one['p']:.1g}")
    for word, ids in (("in", found.rows_in), ("out", found.rows_out)) if rows else ():
        print(*(f"{word:<4}{row}" for row in ids[:MOST_SHOWN]), sep="\n")
        if len(ids) > MOST_SHOWN:
            print(f"… and {len(ids) - MOST_SHOWN:,} more; --json lists all")


def without_counts(said: Mapping[str, Any]) -> dict[str, Any]:
    """A distribution without what is too long for a screen; --json has it."""
    return {name: value for name, value in said.items() if name not in ("lengths", "longer_by", "topics")}


def flat(said: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested numbers as one level: `characters prompt p50`."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        label = f"{above} {name}".strip()
        found |= flat(value, label) if isinstance(value, Mapping) else {label: value}
    return found
