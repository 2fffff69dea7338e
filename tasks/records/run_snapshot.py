"""What MLflow holds of a retraining's runs, as plain values: taken when it ends, compared when somebody asks later.

Left out is what changes by design when a run is over: `mlflow.note.content`, in which people write, and `index.html`,
the report, which is written after the ledger's last entry and so after this. Places are left out too: a store may move.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.records import artifact_store
from tasks.records.mlflow_store import connect, experiment_id, local_path, mlflow_faults

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

FORMAT = "hallmark mlflow 1"
LATER_TAGS = {"mlflow.note.content"}
LATER_ARTIFACTS = {"index.html"}


@mlflow_faults()
def runs_of(parent: str) -> list[str]:
    """Ids of a retraining's run and of the runs of its stages, deleted ones left out; the parent first."""
    from mlflow.entities import ViewType

    found = connect().search_runs([experiment_id()], f"tags.`mlflow.parentRunId` = '{parent}'", ViewType.ACTIVE_ONLY,
                                  max_results=1000, order_by=["attributes.start_time ASC"])
    return [parent, *(str(run.info.run_id) for run in found)]


def snapshot(parent: str) -> dict[str, Any]:
    """The runs of a retraining, run by run."""
    return {"format": FORMAT, "parent": parent, "runs": {one: run_state(one) for one in runs_of(parent)}}


@mlflow_faults()
def run_state(run_id: str) -> dict[str, Any] | None:
    """One run as plain values; None where MLflow has none under this id, or it was deleted."""
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    if run.info.lifecycle_stage != "active":
        return None
    return {
        "name": run.info.run_name, "status": run.info.status, "params": dict(run.data.params),
        "metrics": {key: _metric(client.get_metric_history(run_id, key)) for key in sorted(run.data.metrics)},
        "tags": {key: value for key, value in run.data.tags.items() if key not in LATER_TAGS},
        "inputs": _inputs(run), "artifacts": _artifacts(client, run)}


def exists(run_id: str) -> bool:
    """Whether MLflow has a run, deleted or not, so that it could be restored."""
    from mlflow.exceptions import MlflowException

    try:
        connect().get_run(run_id)
    except MlflowException:
        return False
    return True


def _metric(history: "Sequence[Metric]") -> dict[str, Any]:
    """The last value, how many there are, and a digest of all of them; text, since JSON lacks NaN."""
    points = sorted([one.step, one.timestamp, repr(float(one.value))] for one in history)
    return {"last": points[-1][2], "points": len(points), "history": sha256_hex(canonical_json(points))}


def _inputs(run: "Run") -> dict[str, str]:
    """Files that the run says it read -> their sha256."""
    found = {}
    for one in (run.inputs.dataset_inputs if run.inputs else None) or ():
        tags: Mapping[str, str] = {tag.key: tag.value for tag in one.tags}
        found[str(one.dataset.name)] = tags.get("sha256", str(one.dataset.digest))
    return found


def _artifacts(client: "MlflowClient", run: "Run") -> dict[str, str]:
    """Path -> sha256 of every artifact."""
    if local_path(run.info.artifact_uri) is None and not client.list_artifacts(run.info.run_id):
        return {}  # a server has no folder to fetch then
    with artifact_store.opened(run.info.artifact_uri) as folder:
        return {path: digest for path, digest in _digests(folder).items() if path not in LATER_ARTIFACTS}


def _digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path)
            for path in sorted(folder.rglob("*")) if path.is_file()}
