"""The way to MLflow: which server or database, made ready once, silent, its faults told in Hallmark's words."""

import errno
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.errors import DiskFull, Fault, HallmarkError, ServiceUnreachable
from tasks.contracts.places import home

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

EXPERIMENT = "hallmark"
_ready: set[str] = set()  # tracking URIs whose database this process has seen ready


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the SQLite database in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home().resolve() / 'mlflow.db'}"


def connect() -> "MlflowClient":
    """Return a client. At the first call the database and the experiment are made, or upgraded, by one process.

    Raises:
        ServiceUnreachable: the server or the database does not answer.
    """
    uri = tracking_uri()
    _import_silently(uri)
    if uri not in _ready:
        with os_lock("mlflow"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the migrations that make a new database
            _make_ready(uri)
        _ready.add(uri)
    return _client()


def experiment_id() -> str:
    """The id of the experiment that all runs of Hallmark are in."""
    found = connect().get_experiment_by_name(EXPERIMENT)
    if found is None:
        raise Fault("has no experiment any more", where=tracking_uri(), wanted=EXPERIMENT,
                    next_step="Restore it in MLflow; it was deleted while Hallmark ran.")
    return str(found.experiment_id)


@contextmanager
def os_lock(name: str, timeout_seconds: float = 120.0) -> Iterator[None]:
    """Hold a lock of the operating system for this state folder; a killed process frees it."""
    from filelock import FileLock, Timeout

    home().mkdir(parents=True, exist_ok=True)
    path = home() / f"{name}.lock"
    try:
        with FileLock(path, timeout=timeout_seconds):
            yield
    except Timeout:
        raise ServiceUnreachable("another process holds the lock", where=str(path), next_step="Try again.") from None


@contextmanager
def mlflow_faults() -> Iterator[None]:
    """Turn what MLflow and the disk below it raise into Hallmark's errors. Also a decorator."""
    try:
        yield
    except HallmarkError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull("no room left for a record", where=str(error.filename or home()),
                       next_step="Free some space and try again.") from error
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException):
            raise
        raise _translated(error) from error


def _translated(error: "MlflowException") -> HallmarkError:
    text = " ".join(str(error).split())[:400]
    if "disk is full" in text:
        return DiskFull("no room left for a record", where=tracking_uri(), next_step="Free some space and try again.")
    if error.error_code == "TEMPORARILY_UNAVAILABLE" or "API request to" in text:
        return ServiceUnreachable("MLflow does not answer", where=_without_password(tracking_uri()), found=text)
    return Fault("MLflow refused a record", where=_without_password(tracking_uri()), found=text)


def _without_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _import_silently(uri: str) -> None:
    """Import MLflow without its telemetry, log lines and progress bars, and point it at the URI."""
    os.environ.update(DO_NOT_TRACK="true", MLFLOW_DISABLE_TELEMETRY="true",  # it takes the word, not 1
                      MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # its own 7 retry a dead server for minutes
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # every fault comes as an exception too
    logging.getLogger("alembic").setLevel(logging.CRITICAL)
    by_hand = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)  # global, since the registry looks logged models up through it
    if by_hand is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # it set this, which would outlive a change of HALLMARK_HOME


def _client() -> "MlflowClient":
    import mlflow

    return mlflow.MlflowClient()


@mlflow_faults()
def _make_ready(uri: str) -> None:
    from mlflow.exceptions import MlflowException

    embedded = uri.startswith("sqlite:")
    try:
        client = _client()  # the first one of a process makes the tables of a new database, so: inside the lock
    except MlflowException as error:
        if not embedded or "out-of-date" not in str(error):
            raise
        _upgrade(uri)
        client = _client()
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        artifacts = (home().resolve() / "mlartifacts").as_uri() if embedded else None
        client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    elif found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)


def _upgrade(uri: str) -> None:
    """Bring a database that an older MLflow made up to this one's schema. A server's operator does that himself."""
    done = subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", uri], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Fault("an older MLflow's database could not be upgraded", where=uri, found=done.stderr.strip()[-300:],
                    next_step="Move it away to begin a new one; the ledger does not depend on it.")


def local_path(uri: str) -> Path | None:
    """The folder that an artifact URI names on this machine; None where it names another place."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
