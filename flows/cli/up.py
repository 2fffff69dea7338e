"""hallmark up: the user interfaces of MLflow and Prefect on this machine, until Ctrl-C."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flows import embedded
from flows.cli import place
from flows.scheduling.local_server import LOOPBACK, answers
from tasks.contracts.errors import PortTaken, ServiceUnreachable
from tasks.contracts.places import home

START_SECONDS = 90.0


def command(
    mlflow_port: Annotated[int, typer.Option("--mlflow-port", min=1, max=65535, help="Port of MLflow.")] = 5000,
    prefect_port: Annotated[int, typer.Option("--prefect-port", min=1, max=65535, help="Port of Prefect.")] = 4200,
) -> None:
    """Serve MLflow and Prefect until Ctrl-C.

    On this machine's own address, where no other machine can reach them.
    """
    root = place.enter()
    embedded.settle(home())
    refuse_taken(mlflow_port, "--mlflow-port")
    refuse_taken(prefect_port, "--prefect-port")
    serve(root, mlflow_port, prefect_port)


def refuse_taken(port: int, option: str) -> None:
    """Raise PortTaken where another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was closed a moment ago is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise PortTaken("another program listens there", where=f"{LOOPBACK}:{port}",
                            next_step=f"End it, or name another port with {option}.") from None


def serve(root: Path, mlflow_port: int, prefect_port: int) -> None:
    """Start both, say where they are, wait; whatever ends the wait ends both groups."""
    from flows.running.groups import Groups
    from tasks.records.mlflow_store import tracking_uri
    from tasks.records.tracking import prepare_tracking

    prepare_tracking()
    artifacts = (home().resolve() / "mlartifacts").as_uri()
    commands = {
        f"MLflow   http://{LOOPBACK}:{mlflow_port}": [
            "mlflow", "server", "--host", LOOPBACK, "--port", str(mlflow_port), "--workers", "1",
            "--backend-store-uri", tracking_uri(), "--default-artifact-root", artifacts],
        f"Prefect  http://{LOOPBACK}:{prefect_port}": [
            "prefect", "server", "start", "--host", LOOPBACK, "--port", str(prefect_port)]}
    groups = Groups(home())
    try:
        started = {where: groups.start([sys.executable, "-m", *command], cwd=root, env=os.environ,
                                       log=home() / "logs" / f"{command[0]}.log")
                   for where, command in commands.items()}
        for where, process in started.items():
            wait_for(where.split()[-1], process)
            print(where, flush=True)
        print("Ctrl-C ends both.", flush=True)
        watch(started)
    except KeyboardInterrupt:  # the way in which this command is meant to end
        print("ended", flush=True)
    finally:
        groups.end_all()


def wait_for(address: str, process: "subprocess.Popen[str]", clock: Callable[[], float] = time.monotonic) -> None:
    """Return when a server answers. Raises ServiceUnreachable where it ended or did not answer in time."""
    if not answers(address, process, START_SECONDS, clock):
        raise ServiceUnreachable("the server did not come up", where=address, next_step=f"See {home() / 'logs'}.")


def watch(started: "dict[str, subprocess.Popen[str]]") -> None:
    """Wait until a server ends by itself, which it should not."""
    while True:
        for where, process in started.items():
            if process.poll() is not None:
                raise ServiceUnreachable("the server ended", where=where, found=f"exit code {process.returncode}",
                                         next_step=f"See {home() / 'logs'}.")
        time.sleep(0.5)
