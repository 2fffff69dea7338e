"""Servers of this machine's own address, where no other machine can reach them."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.error import URLError
from urllib.request import urlopen

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def prefect_command(port: int) -> list[str]:
    """What starts a Prefect server there."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]


def answers(address: str, process: "subprocess.Popen[str] | None", seconds: float,
            clock: Callable[[], float] = time.monotonic) -> bool:
    """Wait until a server answers; False where it does not in time, or its process, where it is ours, has ended."""
    deadline = clock() + seconds
    while clock() < deadline and (process is None or process.poll() is None):
        try:
            with urlopen(address, timeout=2):  # noqa: S310 - configured by the user, or our own
                return True
        except (URLError, OSError):
            time.sleep(0.2)
    return False
