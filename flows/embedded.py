"""The embedded default of the tools around a run: state in one folder, no telemetry, quiet logs.

Set before the tools are imported, and never over what the user has set: with PREFECT_API_URL or MLFLOW_TRACKING_URI in
the environment the same flow runs on servers.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",  # the default of 20 s is short on a busy machine
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # pickle by default
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # our own messages say what its tracebacks would repeat
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect makes the last folder only


@contextmanager
def warm_up() -> Iterator[None]:
    """Load MLflow and make its database ready beside the start of Prefect's server; each takes seconds."""
    from tasks.records.tracking import prepare_tracking

    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(prepare_tracking)  # an error shows where the flow needs MLflow, not here
        yield
