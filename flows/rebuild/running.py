"""A stage of a rebuild, run as the flow runs it, with records and caches of its own."""

import os
import shutil
from pathlib import Path

from flows.desk import Desk
from flows.running.groups import Groups
from tasks.contracts.errors import DiskFull, HallmarkError


def run_again(name: str, desk: Desk, place: Path, tree: Path) -> float | HallmarkError:
    """Compute a stage's outputs anew; return the seconds that it took, or the error on which it ended by itself.

    Raises:
        HallmarkError: it was ended from outside, or the machine gave way; that says nothing about the version.
    """
    from flows.running.stages import Workplace, repro  # Prefect's import takes a second

    records = {"PYTHONPATH": os.pathsep.join([str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]),
               "MLFLOW_TRACKING_URI": f"sqlite:///{place / 'state/mlflow.db'}"}
    at = Workplace(tree, place / "state", desk.id, Groups(desk.home), force=True, besides=records)
    try:
        return repro(name, at).seconds
    except HallmarkError as error:
        if error.retryable or isinstance(error, DiskFull):
            raise
        return _with_log(error, at.log_of(name), desk.home / "logs" / desk.id / f"{name}.log")


def _with_log(error: HallmarkError, log: Path, kept: Path) -> HallmarkError:
    """The error with a log that outlives the rebuild's folder."""
    if not log.is_file():
        return error
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, kept)
    return type(error)(error.what, where=error.where, wanted=error.wanted, found=error.found,
                       next_step=f"Its output is in {kept}.")
