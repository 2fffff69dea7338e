"""hallmark schedule: retrain at cron times and when the data changes, promote what people signed, until Ctrl-C."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import embedded, workspace
from flows.cli import place, prefect_server
from flows.cli.up import refuse_taken
from flows.scheduling.local_server import LOOPBACK, free_port
from tasks.contracts.errors import ServiceUnreachable
from tasks.contracts.places import home

if TYPE_CHECKING:
    import subprocess

    from flows.desk import Desk
    from flows.running.groups import Groups
    from flows.schedule import Plan
    from flows.scheduling.data_watch import DataWatch
    from flows.scheduling.serving import Serving

NIGHTLY = "0 3 * * *"
LOOK_SECONDS = 3.0


def command(
    cron: Annotated[str | None, typer.Option(
        "--cron", metavar="CRON", help=f"When to retrain; \"{NIGHTLY}\" where nothing else is named.")] = None,
    timezone: Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Where the cron's clock hangs.")] = "UTC",
    on_data_change: Annotated[bool, typer.Option(
        "--on-data-change", help="Retrain when the files of data/ are others than before.")] = False,
    timeout_hours: Annotated[float, typer.Option(
        "--timeout-hours", metavar="H", min=0.001, help="End a run that takes longer, its wait included.")] = 24.0,
    port: Annotated[int | None, typer.Option(
        "--port", min=1, max=65535, help="Port of the Prefect server that is started; a free one by default.")] = None,
) -> None:
    """Retrain by the clock and when data changes, and promote what people signed, until Ctrl-C.

    The runs are shown on Prefect's page: on the server that PREFECT_API_URL names, else on one that is started here.
    A time that was missed while this command was away is made up for once. One run is at work at a time.
    """
    root = place.enter()
    embedded.settle(home())
    own = None if os.environ.get("PREFECT_API_URL") else port or free_port()
    if own:
        refuse_taken(own, "--port")
        os.environ["PREFECT_API_URL"] = f"http://{LOOPBACK}:{own}/api"  # before Prefect is imported, and reads it
    from flows.schedule import Plan
    from flows.telling import notify

    plan = Plan(cron or (None if on_data_change else NIGHTLY), timezone, on_data_change, timeout_hours)
    plan.schedule()
    notify.receiver()
    workspace.prepare(root)
    with workspace.hold_schedule(home()):
        serve(root, plan, own)


def serve(root: Path, plan: "Plan", port: int | None) -> None:
    """Close what was killed, start the server and the deployments, say so, watch; whatever ends it ends all of it."""
    from flows.desk import open_desk
    from flows.running.groups import Groups
    from flows.scheduling import recovery, served, turn
    from flows.scheduling.serving import Serving

    groups, url = Groups(home()), os.environ["PREFECT_API_URL"]
    groups.end_left_behind()  # among it may be a run that still holds the workspace
    desk = open_desk(root, "schedule")
    for run in recovery.close_killed(desk, groups):
        print(f"run {run} was killed and is closed in the ledger as crashed", flush=True)
    try:
        with prefect_server.running(root, groups, port) as server, served.announced(home(), url):
            serving = Serving(served.name_of(root, home()), plan)
            for line in recovery.put_in_order(
                    desk, serving.retraining, serving.promotion, sole_user=server is not None):
                print(line, flush=True)
            serving.start()
            show(plan, url)
            try:
                watch(serving, server, data_watch(desk) if plan.on_data_change else None, groups)
            finally:
                with turn.undisturbed():  # a second Ctrl-C would leave runs at work
                    serving.stop()
    except KeyboardInterrupt:  # the way in which this command is meant to end
        print("ended", flush=True)


def show(plan: "Plan", url: str) -> None:
    """What is served, when it happens next, and where to look."""
    import asyncio

    from flows.schedule import next_times

    times = ", ".join(f"{time:%Y-%m-%d %H:%M %Z}" for time in asyncio.run(next_times(plan, 3)))
    causes = [f"cron {plan.cron}, next {times}"] * bool(plan.cron) + ["when data/ changes"] * plan.on_data_change
    print(f"retrain  {'; '.join(causes)}\npromote  when enough people have signed\n"
          f"Prefect  {url.removesuffix('/api')}\nCtrl-C ends it; what is missed then is run once at the next start.",
          flush=True)


def watch(
    serving: "Serving", server: "subprocess.Popen[str] | None", data: "DataWatch | None", groups: "Groups"
) -> None:
    """Look at everything again and again, until Ctrl-C or until something that should last has ended."""
    while True:
        for _ in range(int(LOOK_SECONDS * 2)):
            serving.check()
            if server is not None and server.poll() is not None:
                raise ServiceUnreachable("Prefect's server ended", found=f"exit code {server.returncode}",
                                         next_step=f"See {home() / 'logs' / 'schedule.log'}.")
            time.sleep(0.5)
        groups.end_left_behind()  # a run that was killed alone leaves its stages
        if data is not None:
            tell_of(data, serving.name)


def data_watch(desk: "Desk") -> "DataWatch":
    """Watches data/; what was told before the last end and did not come to a run that ended well is told again."""
    from flows.scheduling.data_watch import DataWatch

    watching = DataWatch(desk.root, desk.home)
    watching.tell_again_unless_heard(desk.ledger.entries())
    return watching


def tell_of(data: "DataWatch", name: str) -> None:
    """Tell the server where data/ has changed; what it did not hear is told again at the next look."""
    from flows.scheduling import served

    digest = data.look()
    if digest is None:
        return
    try:
        served.tell(os.environ["PREFECT_API_URL"], served.DATA_CHANGED, name, {"digest": digest})
    except ServiceUnreachable as error:
        print(error, file=sys.stderr, flush=True)
        return
    data.remember(digest)
    print(f"data/ has changed, its digest is {digest[:12]}: told Prefect", flush=True)
