"""The Prefect server that `hallmark schedule` uses: the one that PREFECT_API_URL names, or one that it starts."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.cli.up import wait_for
from flows.running.groups import Groups
from flows.scheduling.local_server import prefect_command
from tasks.contracts.errors import ServiceUnreachable
from tasks.contracts.places import home

OWN = {"PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10"}  # how often a run that waits asks


@contextmanager
def running(root: Path, groups: Groups, port: int | None) -> Iterator["subprocess.Popen[str] | None"]:
    """A Prefect server of our own on a port, ended at the end; None where the one of PREFECT_API_URL is used.

    Raises:
        ServiceUnreachable: it does not answer.
    """
    url = os.environ["PREFECT_API_URL"]
    if port is None:
        refuse_silent(url)
        yield None
        return
    print("Prefect's server takes some seconds to start", flush=True)
    server = groups.start(
        prefect_command(port), cwd=root, env={**os.environ, **OWN}, log=home() / "logs" / "schedule.log")
    try:
        wait_for(f"{url}/health", server)
        yield server
    finally:
        groups.end(server)


def refuse_silent(url: str) -> None:
    """Raise ServiceUnreachable where no Prefect server answers."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault is not None:
        raise ServiceUnreachable("no Prefect server answers there", where=url, found=str(fault)[:200],
                                 next_step="Start it, or unset PREFECT_API_URL to have one started here.")
