"""What holds for every test: no server of a user is reached, nothing is reported, nothing is drawn on a screen."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
LONGEST = ("test_whole_flow.py", "test_approve_command.py", "test_imports.py", "test_retrain.py")  # minutes each

for name in [name for name in os.environ if name.startswith(("HALLMARK_", "MLFLOW_", "PREFECT_"))]:
    del os.environ[name]  # a test must never write into the state or the registry that its caller works with
os.environ.update({
    "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1", "GX_ANALYTICS_ENABLED": "false", "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # a test that fetches something is a mistake
    "OMP_NUM_THREADS": "1",  # for a few numbers a second thread costs more than it brings
    "MPLBACKEND": "agg", "TOKENIZERS_PARALLELISM": "false",
})


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout under test."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real human data beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no folder ../shared/real with real human data beside the checkout")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that workers which share the files end together."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, and say why."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
