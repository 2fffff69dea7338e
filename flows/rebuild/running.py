"""A stage of a rebuild, run as the flow runs it, with records and caches of its own."""

import os
from pathlib import Path

from flows.desk import Desk
from flows.groups import Groups
from tasks.contracts.errors import DiskFull, HallmarkError


def run_again(name: str, desk: Desk, place: Path, tree: Path) -> float | HallmarkError:
    """Compute a stage's outputs anew; return the seconds that it took, or the error on which it ended by itself.

    Raises:
        HallmarkError: it was ended from outside, or the machine gave way; that says nothing about the version.
    """
    from flows.stages import Workplace, repro  # Prefect's import takes a second

    records = {"PYTHONPATH": os.pathsep.join([str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]),
               "MLFLOW_TRACKING_URI": f"sqlite:///{place / 'state/mlflow.db'}"}
    at = Workplace(tree, place / "state", desk.id, Groups(desk.home), force=True, besides=records)
    try:
        return repro(name, at).seconds
    except HallmarkError as error:
        if error.retryable or isinstance(error, DiskFull):
            raise
        return error
