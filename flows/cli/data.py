"""hallmark data: what rows are there, and may they train."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import data_add, data_forget, data_receipt, data_show, place
from tasks.contracts.config import load_params
from tasks.contracts.data_config import DataConfig, SourceConfig
from tasks.contracts.places import PARAMS
from tasks.contracts.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See which rows are there and may train.")
app.add_typer(data_add.app)
app.add_typer(data_show.app)
app.add_typer(data_forget.app)
app.add_typer(data_receipt.app)
MOST_SHOWN = 20  # refused rows on a screen; --json has them all


@app.callback()
def group() -> None:
    """See which rows are there and may train."""


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A file of rows, or a folder of splits.")],
    kind: Annotated[str | None, typer.Option(
        help="preferences, demonstrations, transcripts, messages, edits, ratings, labels, prompts or text; splits for "
             "a folder; told from the content where not given."
    )] = None,
    good_from: Annotated[float | None, typer.Option(
        help="Of kind labels: a rating of at least this is good, one below it is bad.")] = None,
    json: place.Json = False,
) -> None:
    """Check a file of rows without training on it.

    Exit code 1 where it is refused; each refused row is named by its line and the reason.
    """
    from tasks.data.verdicts import check_path

    verdict = check_path(path, kind, bounds(path), good_from=good_from)
    if json:
        place.show_json(verdict.model_dump(mode="json"))
    else:
        show(path, verdict)
    raise typer.Exit(0 if verdict.verdict == "accept" else 1)


def bounds(path: Path) -> DataConfig:
    """What rows are held against: the settings of the workspace, or the defaults outside of one."""
    if PARAMS.exists():
        return load_params().data
    return DataConfig(sources=[SourceConfig(path=str(path))])


def show(path: Path, verdict: Verdict) -> None:
    print(f"{path}: {verdict.rows_read:,} rows read, {verdict.rows_accepted:,} may train, "
          f"{len(verdict.rows_rejected):,} refused")
    for row in verdict.rows_rejected[:MOST_SHOWN]:
        print(f"  line {row.line}: {row.reason}")
    if len(verdict.rows_rejected) > MOST_SHOWN:
        print(f"  … and {len(verdict.rows_rejected) - MOST_SHOWN} more; --json lists all")
    for warning in verdict.warnings:
        print(f"  warning: {warning}")
    if verdict.verdict == "refuse":
        typer.echo(f"refused: {verdict.error or 'too many rows are refused'}", err=True)
    else:
        print("accepted with warnings" if verdict.warnings else "accepted")
