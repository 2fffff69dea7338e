"""MLflow runs: a parent for each retraining, a child for each stage. They show and compare; they prove nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tasks.records.digests import RunDigests
from tasks.records.mlflow_store import connect, experiment_id, mlflow_faults
from tasks.records.stage_run import StageRun, set_tags

Status = Literal["FINISHED", "FAILED", "KILLED"]


def prepare_tracking() -> None:
    """Make or upgrade MLflow's database. Call it once before stages or a server open it at the same time."""
    connect()


@mlflow_faults()
def open_parent(name: str, digests: RunDigests, params: Mapping[str, object]) -> str:
    """Open the run of a retraining and return its id."""
    said = {key: value for key, value in digests.model_dump().items() if value is not None}
    run_id = _create(name, {
        "mlflow.source.name": "hallmark retrain", "mlflow.source.git.commit": digests.commit,
        "hallmark.run_digest": digests.digest,
        **{f"hallmark.{key}": str(value).lower() if key == "dirty" else str(value) for key, value in said.items()}})
    StageRun(run_id).log_params(params)
    return run_id


@mlflow_faults()
def close_parent(run_id: str, status: Status, outcome: str = "") -> None:
    """Close a retraining's run, and as KILLED the runs of its stages that nobody closed."""
    client = connect()
    left_open = client.search_runs(
        [experiment_id()], f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'")
    for run in left_open:
        client.set_terminated(run.info.run_id, "KILLED")
    if outcome:
        client.set_tag(run_id, "hallmark.outcome", outcome)
    client.set_terminated(run_id, status)


@contextmanager
def child_run(stage: str, parent_id: str | None) -> Iterator[StageRun]:
    """Open a stage's run, below a parent if there is one; it ends FINISHED, or FAILED where the block raises."""
    run = StageRun(_create(stage, {"hallmark.stage": stage, **_below(parent_id)}))
    status: Status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        try:
            run.flush()
        finally:
            with mlflow_faults():
                connect().set_terminated(run.run_id, status)


@mlflow_faults()
def skipped_child(stage: str, parent_id: str | None, made_by_run_id: str | None, outcome: str = "skipped") -> str:
    """Show a stage that DVC skipped or restored, with a link to the run that made its output, and return its id."""
    note, made_by = "No run is known that made this output.", {}
    if made_by_run_id:
        note = f"[the run that made this output](#/experiments/{experiment_id()}/runs/{made_by_run_id})"
        made_by = {"hallmark.made_by": made_by_run_id}
    run_id = _create(stage, {
        "hallmark.stage": stage, "hallmark.outcome": outcome, "mlflow.note.content": note, **made_by,
        **_below(parent_id)})
    connect().set_terminated(run_id, "FINISHED")
    return run_id


def mark_made(run_id: str, stage_lock_digest: str) -> None:
    """Say that this run made what dvc.lock now says of its stage."""
    set_tags(run_id, {"hallmark.stage_lock": stage_lock_digest})


@mlflow_faults()
def find_run(stage_lock_digest: str) -> str | None:
    """The latest finished run that made what dvc.lock says of a stage; None where none is known."""
    query = f"tags.`hallmark.stage_lock` = '{stage_lock_digest}' and attributes.status = 'FINISHED'"
    found = connect().search_runs(
        [experiment_id()], query, max_results=1, order_by=["attributes.start_time DESC"])
    return str(found[0].info.run_id) if found else None


def log_artifact(run_id: str, path: Path, folder: str | None = None) -> None:
    """Copy a file or folder into the artifacts of a run, open or closed."""
    StageRun(run_id).log_artifact(path, folder)


def _create(name: str, tags: Mapping[str, str]) -> str:
    with mlflow_faults():
        run = connect().create_run(experiment_id(), run_name=name, tags=dict(tags))
    return str(run.info.run_id)


def _below(parent_id: str | None) -> dict[str, str]:
    return {"mlflow.parentRunId": parent_id} if parent_id else {}
