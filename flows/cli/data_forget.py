"""hallmark data forget: take rows out of data, stores and outputs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place
from tasks.contracts.errors import Misused
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.desk import Desk
    from flows.erasure.looking import Look

app = typer.Typer()
Rows = Annotated[list[str] | None, typer.Argument(
    metavar="ROW...", help="Ids of rows, or at least 8 first characters of each.")]
File = Annotated[Path | None, typer.Option("--file", help="A data file to take rows from.")]
Lines = Annotated[list[int] | None, typer.Option("--line", min=1, help="Which row of the file, from 1; repeatable.")]


@app.command()
def forget(
    rows: Rows = None, file: File = None, line: Lines = None,
    reason: Annotated[str, typer.Option(
        "--reason", metavar="TEXT", help="Why; it stands in the ledger for ever, so name nobody in it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    retrain: Annotated[bool | None, typer.Option(
        "--retrain/--no-retrain", help="Retrain without the rows afterwards; asked where not given.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: forget, and retrain.")] = False,
    json: place.Json = False,
) -> None:
    """Forget rows: out of data/, DVC's cache and remotes, outputs and logs.

    Their ids stay. A version that learned from one is not promoted or rolled back to again; the champion stays until
    a retraining replaces it. Killed or stopped by a remote that does not answer, the same call goes on where it stood.
    Exit code 1 where text of a row is still here afterwards, or the retraining was refused.
    """
    from flows.cli.data_forget_show import show_ended, show_look, show_receipt

    if json and not (yes or dry_run):
        raise Misused("asks before it deletes, and cannot with --json", wanted="--yes or --dry-run")
    desk = desk_for(reason if not dry_run else "a dry run")
    wanted = ids_of(desk, rows or [], file, line or [])
    if dry_run:
        answer = _dry(desk, wanted)
        place.show_json(answer) if json else show_look(answer)
        return
    answer = _forget(desk, wanted, reason, ask=not yes, json=json)
    if not json:
        show_ended(answer)
    answer["retrained"] = _retrain(json) if _wants(retrain, yes, answer) else None
    if answer["retrained"] and answer["rows"]:
        from flows.cli.data_receipt import receipt_of

        said, answer["receipt"] = receipt_of(desk, answer["rows"])
        if not json:
            show_receipt(said, answer["receipt"])
    if json:
        place.show_json(answer)
    raise typer.Exit(1 if answer["remaining"] or (answer["retrained"] or {}).get("outcome") == "refused" else 0)


def desk_for(reason: str) -> "Desk":
    from flows.desk import open_desk

    if not reason.strip():
        raise Misused("an erasure wants a reason", wanted="--reason TEXT")
    return open_desk(place.enter(), "forget")


def ids_of(desk: "Desk", rows: list[str], file: Path | None, lines: list[int]) -> list[str]:
    """The ids of the rows that are named. Raises Misused where none is, or one is nobody's."""
    from flows.erasure.naming import full_ids
    from flows.lineage.given import id_of_line

    if bool(rows) == (file is not None):
        raise Misused("say which rows", wanted="their ids, or --file FILE --line N")
    if file is not None:
        return list(dict.fromkeys(id_of_line(file, number) for number in lines or [1]))
    return full_ids(desk, rows)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _dry(desk: "Desk", rows: list[str]) -> dict[str, Any]:
    from flows.erasure.looking import look
    from flows.erasure.preview import preview

    return preview(desk, look(desk, rows, _say), _say)


def _forget(desk: "Desk", rows: list[str], reason: str, *, ask: bool, json: bool) -> dict[str, Any]:
    from flows.erasure.whole import forget_rows

    def confirmed(seen: "Look") -> bool:
        from flows.cli.data_forget_show import show_question

        show_question(seen, reason)
        return typer.confirm("Delete them?")

    return forget_rows(desk, rows, reason, _say, confirmed if ask else lambda _: True)


def _wants(retrain: bool | None, yes: bool, answer: dict[str, Any]) -> bool:
    """Whether to retrain. Nobody is asked where no version met the rows."""
    if retrain is not None:
        return retrain
    if answer["erasure"] is None or yes:
        return answer["erasure"] is not None
    return bool(answer["affected"]) and typer.confirm("Retrain without them now?")


def _retrain(json: bool) -> dict[str, Any]:
    """Retrain in this workspace, as `hallmark retrain` does; with --json its progress goes to stderr."""
    from contextlib import nullcontext, redirect_stdout

    from flows import embedded, workspace
    from flows.cli.retrain import run_flow, show

    with redirect_stdout(sys.stderr) if json else nullcontext():
        workspace.prepare(Path.cwd())
        embedded.settle(home())
        said = run_flow(force=False)
        show(said)
    return {"run": said["id"], "outcome": said["outcome"], "reason": said["reason"]}
