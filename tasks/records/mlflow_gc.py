"""What `mlflow gc` would delete for ever: all that stands in the state `deleted`, whoever needs it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.contracts.errors import Misused
from tasks.records.mlflow_store import connect, mlflow_faults, tracking_uri

_PAGE = 1000


IDS = {"--run-ids": "runs", "--logged-model-ids": "models", "--experiment-ids": "experiments"}
PLACES = ("--backend-store-uri", "--artifacts-destination", "--tracking-uri")


@dataclass(frozen=True)
class Doomed:
    """Ids that `mlflow gc` would delete."""

    runs: tuple[str, ...]
    models: tuple[str, ...]  # logged models, which hold the bytes of versions
    experiments: tuple[str, ...]
    all_known: bool = True  # False: a server does not say which models stand in the state `deleted`

    @property
    def ids(self) -> list[str]:
        return [*self.runs, *self.models, *self.experiments]


def doomed(flags: Sequence[str] = ()) -> Doomed:
    """All that stands in the state `deleted`, or of a kind those alone that the flags name.

    `--run-ids` narrows the runs alone: MLflow still takes every model and experiment in that state.

    Raises:
        Misused: other flags than ids and places, of which nobody could say what they would delete.
    """
    said = _read(flags)
    found = _deleted()
    narrowed = {part: tuple(said[flag].split(",")) for flag, part in IDS.items() if flag in said}
    return replace(found, **narrowed)  # type: ignore[arg-type]


def _read(flags: Sequence[str]) -> dict[str, str]:
    pairs = [part for flag in flags for part in (flag.split("=", 1) if flag.startswith("--") else [flag])]
    said = dict(zip(pairs[::2], pairs[1::2], strict=False))
    if len(pairs) % 2 or said.keys() - {*IDS, *PLACES}:
        raise Misused("takes no such flags", where="mlflow gc", found=" ".join(flags),
                      wanted=f"{', '.join([*IDS, *PLACES])}, each with a value",
                      next_step="Name the runs instead: what goes is recorded before it goes.")
    return said


@mlflow_faults()
def _deleted() -> Doomed:
    from mlflow.entities import ViewType

    client = connect()
    experiments = client.search_experiments(view_type=ViewType.ALL)
    runs: list[str] = []
    for experiment in experiments:
        token, more = None, True
        while more:
            page = client.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY,
                                      max_results=_PAGE, page_token=token)
            runs += [str(run.info.run_id) for run in page]
            token, more = page.token, bool(page.token)
    store = client._tracking_client.store  # MLflow has no public way to ask for deleted models
    known = hasattr(store, "_get_deleted_logged_models")
    models = store._get_deleted_logged_models() if known else ()
    return Doomed(tuple(runs), tuple(map(str, models)), tuple(
        str(one.experiment_id) for one in experiments if one.lifecycle_stage == "deleted"), known)


def is_live(model_id: str) -> bool:
    """Whether a logged model is there and not in the state `deleted`."""
    from mlflow.exceptions import MlflowException

    try:
        connect().get_logged_model(model_id)
    except MlflowException:
        return False
    return True


@mlflow_faults()
def delete_version(name: str, version: int) -> None:
    """Delete a registered version, and put the logged model behind it into the state `deleted`, which gc takes.

    Nothing happens to what is gone already.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    try:
        source = str(client.get_model_version(name, str(version)).source)
        client.delete_model_version(name, str(version))
        if source.startswith("models:/m-"):
            client.delete_logged_model(source.removeprefix("models:/"))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def run_gc(flags: Sequence[str]) -> str:
    """Run `mlflow gc` on the store of this workspace and return what it printed. Raises Misused where it ends badly."""
    uri = tracking_uri()
    told = uri.startswith(("http:", "https:")) or any(flag.startswith("--backend-store-uri") for flag in flags)
    direct = [] if told else ["--backend-store-uri", uri]
    done = subprocess.run([sys.executable, "-m", "mlflow", "gc", *direct, *flags], capture_output=True, text=True,
                          check=False, env={**os.environ, "MLFLOW_TRACKING_URI": uri})
    if done.returncode:
        raise Misused("MLflow refused the call", where="mlflow gc", found=done.stderr.strip()[-400:],
                      next_step="Behind a server it wants `-- --backend-store-uri URI` of the server's own database.")
    return done.stdout
