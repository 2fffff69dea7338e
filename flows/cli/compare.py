"""hallmark compare: blind comparisons by people, as a sheet that goes out and comes back."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli import place

app = typer.Typer(no_args_is_help=True, help="Blind comparisons by people.", rich_markup_mode=None)
Version = Annotated[int, typer.Argument(help="A version of the registered policy.")]


class Other(StrEnum):
    """What a version is compared with."""

    CHAMPION = "champion"
    SFT = "sft"


@app.callback()
def group() -> None:
    """Blind comparisons by people."""


@app.command()
def export(
    version: Version,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The sheet, CSV; never written over.")],
    prompts: Annotated[int, typer.Option("--prompts", min=2, help="Held-out prompts to answer.")] = 50,
    against: Annotated[Other | None, typer.Option(
        "--against", help="Whose answers stand beside; where not given, the champion that it was decided against, "
                          "else the SFT model.")] = None,
) -> None:
    """Write a sheet with two answers to each prompt.

    It does not tell which answer is the version's. Whoever compares fills in the column `better` with A, B or same.
    """
    from flows.desk import open_desk
    from flows.promotion.blind_export import export as write

    out = out.absolute()  # before the current folder changes
    rows = write(open_desk(place.enter(), "compare"), version, out, prompts, against.value if against else None)
    print(f"{rows} rows in {out}; `hallmark compare import {version} {out.name} --by NAME` takes it back")


@app.command("import")
def take(
    version: Version,
    file: Annotated[Path, typer.Argument(help="The sheet with its column `better` filled in.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who compared; it stands in the ledger for ever.")],
) -> None:
    """Record what a filled sheet says.

    Exit code 1 where a prompt or an answer is not the one that was exported. `hallmark gate` shows the result beside
    the rules; it decides nothing.
    """
    from flows.desk import open_desk
    from flows.promotion.blind_import import record

    file = file.absolute()
    print(in_words(record(open_desk(place.enter(), "compare"), version, file, by)))


def in_words(said: Mapping[str, Any]) -> str:
    """One person's comparison as a line."""
    metric = said["metric"]
    return (f"{metric['name']} {metric['value']:.3g} [{metric['low']:.3g}, {metric['high']:.3g}] "
            f"against {said['against']}, {said['wins']} better, {said['ties']} the same, {said['losses']} worse, "
            f"by {said['by']}")
