"""hallmark audit rebuild: can a version be made again, bit for bit?"""

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from flows import embedded
from flows.cli import place, tables
from flows.cli.audit_rows import Model, Version
from tasks.contracts.errors import Misused
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.rebuild.answer import Answer

app = typer.Typer()


@app.command()
def rebuild(
    version: Version, model: Model = None, json: place.Json = False,
    stage: Annotated[list[str] | None, typer.Option(
        "--stage", metavar="NAME", help="This stage alone, on the recorded outputs of the others; repeatable.")] = None,
    tolerance: Annotated[float, typer.Option(
        "--tolerance", metavar="X", help="How far a number may be off, as a share of it (of 1 below 1).")] = 1e-6,
    other_packages: Annotated[bool, typer.Option(
        "--other-packages", help="Go on where other packages are installed than then.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the worktree with all that was made.")] = False,
) -> None:
    """Make a version again from its commit, settings and data, and compare every stage with what was recorded.

    It runs in a worktree of its own below the state folder; neither files nor registry of the workspace are touched.
    Exit code 0: every stage is identical or within the tolerance; 1: one is different, or something that the rebuild
    rests on is gone or another version, and which.
    """
    from flows.desk import open_desk
    from flows.rebuild.rebuild import Wanted
    from flows.rebuild.rebuild import rebuild as make_again
    from flows.running.progress import watched

    if not tolerance >= 0:
        raise Misused("is no tolerance", where=f"--tolerance {tolerance}", wanted="0 or more")
    root = place.enter()
    embedded.settle(home())
    desk = open_desk(root, "rebuild")
    wanted = Wanted(model or desk.name, version, tuple(stage or ()), tolerance, other_packages, keep)
    with redirect_stdout(sys.stderr if json else sys.stdout), watched():  # --json has stdout to itself
        answer = make_again(desk, wanted)
    if json:
        place.show_json(answer.as_json())
    else:
        _show(answer)
    raise typer.Exit(1 if answer.verdict == "different" else 0)


def _show(answer: "Answer") -> None:
    print(f"commit {answer.subject.commit}" + (" with uncommitted changes" if answer.subject.diff else ""))
    for line in answer.conditions:
        print(f"other than then: {line}")
    tables.show_rebuilt(answer.stages)
    for stage in answer.stages:
        if stage.error:
            print(stage.error)
    if answer.kept:
        print(f"All that was made is in {answer.kept}; `git worktree remove --force {answer.kept}/tree` and `rm -r` "
              "end it.")
    print(answer.sentence)
