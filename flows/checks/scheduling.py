"""Whether Prefect's scheduler really makes runs from a cron time: asked of the server that is used, or of a new one."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.checks.installation import Said
from flows.running.groups import Groups
from flows.scheduling.local_server import LOOPBACK, answers, free_port, prefect_command
from tasks.contracts.errors import ServiceUnreachable
from tasks.contracts.places import home

START_SECONDS = 60.0
RUN_SECONDS = 20.0  # the scheduler looks for new deployments every 5 s


@dataclass(frozen=True)
class Server:
    """A Prefect server with a scheduler at work."""

    url: str  # of its API
    whose: str  # in words
    process: subprocess.Popen[str] | None = None  # where it is our own


@contextmanager
def scheduling_server(root: Path) -> Iterator[Server]:
    """The server that PREFECT_API_URL names or a schedule of this workspace runs, else one of its own for this while.

    It returns at once; `wait_for` waits until the server answers.
    """
    from flows.scheduling.served import server

    configured = server(home())
    if configured:
        yield Server(configured, "the server that is configured")
        return
    groups = Groups(home())
    with tempfile.TemporaryDirectory(prefix="hallmark-doctor-") as folder:
        port = free_port()
        try:
            process = groups.start(
                prefect_command(port), cwd=root, env=environment(Path(folder)), log=Path(folder) / "server.log")
            yield Server(f"http://{LOOPBACK}:{port}/api", "a temporary server", process)
        finally:
            groups.end_all()


def environment(folder: Path) -> dict[str, str]:
    """What a server needs that touches nothing outside a folder: no profile, no database of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return kept | {"PREFECT_HOME": str(folder), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_UI_ENABLED": "0"}


def wait_for(server: Server, seconds: float = START_SECONDS) -> None:
    """Return when a server answers. Raises ServiceUnreachable where it does not in time, or has ended."""
    if not answers(f"{server.url}/health", server.process, seconds):
        raise ServiceUnreachable("the server does not answer", where=server.url, next_step="See that it runs.")


def schedule(server: Server, seconds: float = RUN_SECONDS) -> Said:
    """A deployment with a cron of every minute is made, its run must appear by the scheduler's hand, and both go."""
    from flows.checks.probe import scheduled_run

    wait_for(server)
    due = scheduled_run(server.url, seconds)
    if due is None:
        return (False, f"{server.whose} made no run of a cron time in {seconds:.0f} s",
                "See that its scheduler service is on, and SQLAlchemy at its pin: above 2.1 it makes none.")
    return True, f"{server.whose} scheduled a run for {due:%H:%M} UTC from a cron time, by itself", ""
