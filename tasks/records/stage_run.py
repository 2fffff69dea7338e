"""An open MLflow run that a stage writes to: settings, metrics in batches, files, and the data it read."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.records.mlflow_store import connect, mlflow_faults

if TYPE_CHECKING:
    from mlflow.entities import Metric

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
    """Metrics wait in memory and go out in batches, since each transaction waits for the disk."""

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


@mlflow_faults()
def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run. Longer ones than MLflow takes are cut and end with their sha256."""
    from mlflow.entities import RunTag

    found = [RunTag(key, _cut(value, _LONGEST_TAG)) for key, value in tags.items()]
    for start in range(0, len(found), _PARAMS_A_BATCH):
        connect().log_batch(run_id, tags=found[start:start + _PARAMS_A_BATCH])


def _key(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)[:_LONGEST_KEY]


def _cut(value: str, longest: int) -> str:
    if len(value) <= longest:
        return value
    ending = f"… sha256 {sha256_hex(value.encode())}"
    return value[:longest - len(ending)] + ending
