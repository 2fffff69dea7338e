"""hallmark retrain: the whole flow on this machine, with its progress and what it made."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import embedded, settings, workspace
from flows.cli import place, tables
from tasks.contracts.config import load_params
from tasks.contracts.errors import ServiceUnreachable
from tasks.contracts.places import EVIDENCE, home


def command(
    changes: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Write a setting into params.yaml first, e.g. ppo.updates=20; repeatable."
    )] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every stage again, changed or not.")] = False,
) -> None:
    """Retrain, decide about the policy, promote it if it passed.

    Stages whose inputs did not change do not run. Exit code 0: promoted, waiting for approval, or nothing to do;
    1: refused, and why; 3: broke off, and the next run resumes where it can.
    """
    from flows.telling import notify  # cryptography with it, which `--help` does without

    root = place.enter()
    notify.receiver()  # refuses an unusable one before the flow's server takes its seconds to start
    for change in settings.change(changes or []):
        print(f"params.yaml  {change}")
    load_params()
    if not (root / "data").exists():
        print("fetching the data with DVC")
    workspace.prepare(root)
    workspace.refuse_if_held(home())
    embedded.settle(home())
    said = run_flow(force)
    show(said)
    raise typer.Exit(1 if said["outcome"] == "refused" else 0)


def run_flow(force: bool) -> dict[str, Any]:
    """Run the flow on Prefect's temporary server, or on the one that PREFECT_API_URL names."""
    from flows.running.progress import watched

    print("retraining; the flow's server takes some seconds to start", flush=True)
    try:
        embedded.warm_up()
        from flows.retrain import retrain

        with watched():
            return retrain(force=force)
    except RuntimeError as error:
        if "Prefect API" not in str(error):
            raise
        raise ServiceUnreachable(
            "Prefect's server did not start or answer", where=str(home() / "prefect"),
            found=str(error).strip()[:300], next_step="Run it again; `hallmark doctor` looks closer.") from error


def show(said: dict[str, Any]) -> None:
    """What was made, what the gate found, what the models answer, and where to look next."""
    tables.show_stages(said["stages"])
    if said["decision"]:
        tables.show_findings(said["decision"]["findings"])
    samples = Path(EVIDENCE) / "samples.json"
    if samples.is_file() and said["outcome"] != "no change":
        tables.show_samples(json.loads(samples.read_text(encoding="utf-8"))[:5])
    print(said["reason"])
    print(f"\nreport: {said['places']['Report']}\nruns and models: hallmark up\nwho is champion: hallmark status")
