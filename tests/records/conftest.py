"""One MLflow database for all tests of this folder, since making one takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with MLflow's database in it, named by HALLMARK_HOME."""
    from tasks.records.tracking import prepare_tracking

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALLMARK_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        prepare_tracking()
        yield home
