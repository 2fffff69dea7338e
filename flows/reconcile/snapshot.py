"""The end of a run in MLflow, put on record: what MLflow holds of it is kept by digest, and the ledger names that."""

from collections.abc import Sequence
from pathlib import Path

from flows.promotion.aliases import Mover
from flows.run import Run
from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import HallmarkError
from tasks.records import tracking
from tasks.records.tracking import Status

RECORDED = "mlflow recorded"


def close(run: Run, status: Status, outcome: str, files: Sequence[Path] = ()) -> HallmarkError | None:
    """Copy the last files into a run's MLflow run, close it, and record what MLflow then holds of it.

    Returns:
        What went wrong. It is no reason to lose the run's end in the ledger, so it is not raised.
    """
    if run.parent_run is None:
        return None
    try:
        for path in files:
            if path.exists():
                tracking.log_artifact(run.parent_run, path, path.stem if path.is_dir() else None)
        tracking.close_parent(run.parent_run, status, outcome)
        record(run, run.id, run.parent_run)
    except HallmarkError as error:
        return error
    return None


def record(teller: Mover, run_id: str, mlflow_run: str) -> str:
    """Keep what MLflow holds of a retraining, all its stages included, and return the sha256 of that."""
    from flows.lineage.keeping import keep_file
    from tasks.records.run_snapshot import snapshot

    digest = keep_file(teller.home, canonical_json(snapshot(mlflow_run)))
    teller.ledger.append(RECORDED, teller.actor, {"run": run_id, "snapshot": digest})
    return digest
