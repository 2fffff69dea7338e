"""hallmark gc: garbage collection of DVC and MLflow that spares what a kept version needs."""

from typing import Annotated

import typer

from flows.cli import place
from tasks.contracts.places import home

HELP = "Collect garbage of DVC and MLflow, and spare what kept versions need."
app = typer.Typer(no_args_is_help=True, help=HELP, rich_markup_mode=None)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")]
Flags = Annotated[list[str] | None, typer.Argument(metavar="FLAGS", help="The tool's own flags, after `--`.")]


@app.callback()
def group() -> None:
    """Collect garbage of DVC and MLflow, and spare what kept versions need."""


@app.command()
def dvc(
    flags: Flags = None, dry_run: DryRun = False, json: place.Json = False,
    spare_kept: Annotated[bool, typer.Option(
        "--spare-kept", help="Leave what kept versions need, and delete the rest of it.")] = False,
) -> None:
    """Run `dvc gc` where it deletes nothing that a kept version needs.

    Exit code 1, and nothing deleted, where it would: object and version are named. An object may leave the cache while
    a remote keeps a whole copy. Without flags it is `dvc gc --workspace`.
    """
    from flows.desk import open_desk
    from flows.reconcile import gc_dvc
    from flows.workspace import hold

    desk = open_desk(place.enter(), "gc")
    with hold(home()):
        given = flags or ["--workspace"]
        planned = gc_dvc.plan(desk, given, spare=spare_kept)
        if not dry_run:
            gc_dvc.collect(desk, planned, given, spare=spare_kept)
    if json:
        place.show_json({"deleted": not dry_run, "objects": planned.as_json(),
                         "kept_in_a_remote": sorted(planned.elsewhere)})
    else:
        print(f"{len(planned.names)} object(s) {'would go' if dry_run else 'are gone'}; "
              f"{len(planned.elsewhere)} of them stay in a remote.")


@app.command()
def mlflow(
    flags: Flags = None, dry_run: DryRun = False, json: place.Json = False,
    versions: Annotated[bool, typer.Option(
        "--versions", help="Delete registered versions too whose retention has ended.")] = False,
) -> None:
    """Run `mlflow gc` where it deletes nothing that a kept version needs.

    It deletes for ever what stands in MLflow's state `deleted`. Exit code 1, and nothing deleted, where a kept version
    needs some of it. Who deletes a version in MLflow itself makes a finding of `audit reconcile`; --versions does not.
    """
    from flows.desk import open_desk
    from flows.reconcile import gc_mlflow, gc_versions
    from flows.workspace import hold

    desk = open_desk(place.enter(), "gc")
    with hold(home()):
        planned, ended = gc_mlflow.plan(desk, flags or ()), gc_versions.ended(desk) if versions else []
        if ended and not dry_run:
            gc_versions.collect(desk, ended)
            planned = gc_mlflow.plan(desk, flags or ())  # the models behind them go too
        said = "" if dry_run else gc_mlflow.collect(desk, planned, flags or ())
    if json:
        place.show_json({"deleted": not dry_run, "runs": list(planned.runs), "models": list(planned.models),
                         "experiments": list(planned.experiments), "versions": [str(one) for one in ended]})
    else:
        print(said + "".join(f"{one}: its retention has ended\n" for one in ended)
              + f"{len(ended)} version(s), {len(planned.runs)} run(s), {len(planned.models)} model(s) and "
              f"{len(planned.experiments)} experiment(s) {'would go' if dry_run else 'are gone'}.")
