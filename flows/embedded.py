"""The embedded default of the tools around a run: state in one folder, no telemetry, quiet logs.

Set before the tools are imported, and never over what the user has set: with PREFECT_API_URL or MLFLOW_TRACKING_URI in
the environment the same flow runs on servers.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NO_TELEMETRY = {
    "DO_NOT_TRACK": "true",  # MLflow takes the word only
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def settle(home: Path) -> None:
    """Set the environment of this process and of all that it starts."""
    defaults = {
        **NO_TELEMETRY,
        "PREFECT_HOME": str(home.absolute() / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # the default of 20 s is short on a busy machine
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # pickle by default
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # our own messages say what its tracebacks would repeat
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect makes the last folder only


def warm_up() -> None:
    """Start Prefect's temporary server and make MLflow ready beside it; each takes seconds.

    The server is a process of its own, so only its start waits in a thread. Both libraries are imported here, one
    after the other: two threads that import SQLAlchemy at once meet it half made.
    """
    from tasks.records.tracking import prepare_tracking

    with ThreadPoolExecutor(max_workers=1) as pool:
        import prefect.server.api.server  # noqa: F401 - see above

        started = None if os.environ.get("PREFECT_API_URL") else pool.submit(_start_server)
        prepare_tracking()
        if started:
            started.result()


def _start_server() -> None:
    """Start the server deaf to Ctrl-C, which a terminal sends to it too: it must hear how the run ends first.

    A process inherits the signals that the thread which starts it blocks. Prefect ends its server with SIGTERM.
    """
    from prefect.server.api.server import SubprocessASGIServer

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    SubprocessASGIServer().start()
