"""The one door to bytes that MLflow stores. Nobody else asks MLflow for artifacts; a test holds that.

What comes through it is unchecked: whoever loads a model asks flows.promotion.verified.verified_model.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.records.mlflow_store import local_path, mlflow_faults


@contextmanager
def opened(location: str) -> Iterator[Path]:
    """A folder with the artifacts at a URI: the store's own where that is on this machine, else a copy for the while.

    A store on this machine may lack it: the folder is then not there.
    """
    own = local_path(location)
    if own is not None:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="hallmark-artifacts-") as scratch:
        yield _download(location, Path(scratch))


def copy(location: str, into: Path) -> Path:
    """Copy the artifacts at a URI into a folder, and return the folder in it that holds them; links stay links."""
    own = local_path(location)
    return Path(shutil.copytree(own, into / "artifacts", symlinks=True)) if own else _download(location, into)


@mlflow_faults()
def _download(location: str, folder: Path) -> Path:
    import mlflow.artifacts

    return Path(mlflow.artifacts.download_artifacts(location, dst_path=str(folder / "artifacts")))
