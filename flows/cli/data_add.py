"""hallmark data add: a file of rows becomes part of the data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place
from tasks.contracts.errors import Misused

if TYPE_CHECKING:
    from flows.data.adding import Added
    from tasks.contracts.data_config import SourceConfig

app = typer.Typer(rich_markup_mode=None)


@app.command()
def add(
    path: Annotated[str, typer.Argument(
        help="A file of rows; with the datasets library also hub:OWNER/NAME[@REVISION][#SPLIT], or a folder.")],
    name: Annotated[str | None, typer.Option(help="What it is called below data/; its own name by default.")] = None,
    kind: Annotated[str | None, typer.Option(help="What the rows are; told from the content where not given.")] = None,
    split: Annotated[str, typer.Option(
        help="train or test: where all of its rows go; auto: by the hash of the prompt.")] = "auto",
    column: Annotated[list[str] | None, typer.Option(
        metavar="OURS=THEIRS", help="What the file calls a field, e.g. prompt=question; repeatable.")] = None,
    good_from: Annotated[float | None, typer.Option(
        help="Of kind labels: a rating of at least this is good, one below it is bad.")] = None,
    licence: Annotated[str | None, typer.Option(help="Under which the rows may be used.")] = None,
    consent: Annotated[str | None, typer.Option(help="Of the people who wrote them.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the file came from.")] = None,
    guideline: Annotated[str | None, typer.Option(help="Version of the guideline that annotators worked by.")] = None,
    collected: Annotated[str | None, typer.Option(help="When.")] = None,
    collected_by: Annotated[str | None, typer.Option(help="By whom.")] = None,
    json: place.Json = False,
) -> None:
    """Check a file of rows and add it to the data as a new version.

    It goes into data/ and params.yaml, DVC and the ledger name the new version, the bytes are pushed to the remote that
    is written, and a schedule at work hears of it. Exit code 1: refused, and nothing has changed. A call that broke off
    is ended by the same call.
    """
    from tempfile import TemporaryDirectory

    from flows import workspace
    from flows.data import adding as data_adding
    from flows.desk import open_desk
    from tasks.contracts.places import home

    told = {"licence": licence, "consent": consent, "source": source, "guideline": guideline, "collected": collected,
            "collected_by": collected_by}
    with TemporaryDirectory() as folder:
        file, origin = fetched(path, Path(folder))
        root = place.enter()
        named = source_of(path=f"data/{name or file.name}", kind=kind, split=split, columns=columns_of(column or []),
                          good_from=good_from, **told | {"source": source or origin})
        workspace.fetch_data(root)
        with workspace.hold(home()):
            added = data_adding.add(open_desk(root, "data-add"), file, named)
    place.show_json(as_json(named.path, added)) if json else show(named.path, added)
    raise typer.Exit(0 if added.version else 1)


def fetched(said: str, folder: Path) -> tuple[Path, str | None]:
    """The file that was given, or that a data set was written to in a folder, and where that came from."""
    from tasks.data.reading.datasets_library import place_of, write_dataset

    dataset = place_of(said)
    if dataset is None:
        return Path(said).absolute(), None
    target = folder / dataset.file_name
    return target, write_dataset(dataset, target)


def source_of(**said: Any) -> "SourceConfig":
    """The source as params.yaml will have it. Raises Misused where a setting cannot be."""
    from pydantic import ValidationError

    from tasks.contracts.data_config import SourceConfig

    try:
        return SourceConfig(**said)
    except ValidationError as error:
        first = error.errors()[0]
        raise Misused(first["msg"], where=f"--{str(first['loc'][0]).replace('_', '-')}",
                      found=str(first["input"])) from None


def columns_of(said: list[str]) -> dict[str, str]:
    """`OURS=THEIRS` as our field name -> the file's column."""
    for one in said:
        if not all(one.partition("=")):
            raise Misused("is no column", where=f"--column {one}", wanted="OURS=THEIRS, e.g. prompt=question")
    return dict(one.split("=", 1) for one in said)


def as_json(path: str, added: "Added") -> dict[str, Any]:
    version = added.version
    return {**added.verdict.model_dump(mode="json"), "path": path, "version": version.version if version else None,
            "data": version.data if version else None, "rows": version.accepted if version else None,
            "pushed": added.pushed, "told": added.told}


def show(path: str, added: "Added") -> None:
    """What was read, what of it was refused, and which data version it is part of now."""
    from flows.cli.data import show as show_verdict

    show_verdict(Path(path), added.verdict)
    if added.version is None:
        print("nothing has changed")
        return
    print(f"data version {added.version.version}: {added.version.accepted} rows may train, {added.version.data}")
    print(f"pushed to the remote {added.pushed}" if added.pushed else "pushed nowhere: there is no remote to write to")
    if added.told:
        print("the schedule at work was told")
    print("params.yaml and data.dvc have changed: commit them")
