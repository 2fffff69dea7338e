"""MLflow runs: a parent for each retraining, a child for each stage. They show and compare; they prove nothing."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.records.digests import RunDigests
from tasks.records.mlflow_store import connect, experiment_id, mlflow_faults

if TYPE_CHECKING:
    from mlflow.entities import Metric

Status = Literal["FINISHED", "FAILED", "KILLED"]

_PARAMS_A_BATCH, _METRICS_A_BATCH = 100, 1000  # MLflow's own limits
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG, _LONGEST_DATASET_DIGEST = 250, 6000, 8000, 36
_FLUSH_SECONDS = 5.0


def flatten(settings: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested settings as flat names and texts: {"ppo": {"clip": 0.2}} becomes {"ppo.clip": "0.2"}."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else canonical_json(value).decode()
    return flat


class StageRun:
    """An open MLflow run that a stage writes to. Metrics wait in memory and go out in batches."""

    def __init__(self, run_id: str):
        self.run_id = run_id
        self._waiting: list[Metric] = []
        self._flushed = time.monotonic()

    @mlflow_faults()
    def log_params(self, params: Mapping[str, object]) -> None:
        """Log settings, nested or flat. Longer ones than MLflow takes are cut and end with their sha256."""
        from mlflow.entities import Param

        found = [Param(_key(key), _cut(value, _LONGEST_PARAM)) for key, value in flatten(params).items()]
        for start in range(0, len(found), _PARAMS_A_BATCH):
            connect().log_batch(self.run_id, params=found[start:start + _PARAMS_A_BATCH])

    def log_metrics(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the numbers of one step; at the latest when the run closes they are in the database."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(_key(name), float(number), now, step) for name, number in numbers.items()]
        if len(self._waiting) >= _METRICS_A_BATCH or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    @mlflow_faults()
    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Copy a file, or a folder with all in it, into the run's artifacts."""
        log = connect().log_artifacts if path.is_dir() else connect().log_artifact
        log(self.run_id, str(path), folder)

    @mlflow_faults()
    def log_input(self, name: str, path: Path, sha256: str, context: str = "training") -> None:
        """Name a file that the stage read. MLflow keeps 36 characters of a digest, so a tag holds the whole."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = canonical_json({"uri": str(path)}).decode()
        dataset = Dataset(name, sha256[:_LONGEST_DATASET_DIGEST], source_type="local", source=source)
        tags = [InputTag("sha256", sha256), InputTag("mlflow.data.context", context)]
        connect().log_inputs(self.run_id, [DatasetInput(dataset, tags)])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the run, e.g. the digest of the model that it made."""
        set_tags(self.run_id, tags)

    @mlflow_faults()
    def flush(self) -> None:
        """Write the metrics that wait."""
        while self._waiting:
            connect().log_batch(self.run_id, metrics=self._waiting[:_METRICS_A_BATCH])
            del self._waiting[:_METRICS_A_BATCH]
        self._flushed = time.monotonic()


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


@mlflow_faults()
def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run. Longer ones than MLflow takes are cut and end with their sha256."""
    from mlflow.entities import RunTag

    found = [RunTag(key, _cut(value, _LONGEST_TAG)) for key, value in tags.items()]
    for start in range(0, len(found), _PARAMS_A_BATCH):
        connect().log_batch(run_id, tags=found[start:start + _PARAMS_A_BATCH])


def log_artifact(run_id: str, path: Path, folder: str | None = None) -> None:
    """Copy a file or folder into the artifacts of a run, open or closed."""
    StageRun(run_id).log_artifact(path, folder)


def _create(name: str, tags: Mapping[str, str]) -> str:
    with mlflow_faults():
        run = connect().create_run(experiment_id(), run_name=name, tags=dict(tags))
    return str(run.info.run_id)


def _below(parent_id: str | None) -> dict[str, str]:
    return {"mlflow.parentRunId": parent_id} if parent_id else {}


def _key(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)[:_LONGEST_KEY]


def _cut(value: str, longest: int) -> str:
    if len(value) <= longest:
        return value
    ending = f"… sha256 {sha256_hex(value.encode())}"
    return value[:longest - len(ending)] + ending
