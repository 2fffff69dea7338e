"""Fixtures of the flow's tests: a workspace of its own for each test, and Prefect's state in a folder apart."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows import embedded
from tests.flows.toy import make_workspace

if TYPE_CHECKING:
    from tests.flows.audit_world import World

_STATE = Path(tempfile.mkdtemp(prefix="hallmark-tests-"))
atexit.register(shutil.rmtree, _STATE, ignore_errors=True)
embedded.settle(_STATE)  # before a test module imports Prefect, which makes its folder when it is imported


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A workspace that nothing has run in, with MLflow's database made, which takes seconds; each test gets a copy."""
    from tasks.records.tracking import prepare_tracking

    root = tmp_path_factory.mktemp("toy") / "workspace"
    make_workspace(root, repository)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
        prepare_tracking()
    return root


@pytest.fixture
def workspace(template: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a fresh workspace; the current folder and the state folder are in it."""
    root = tmp_path / "workspace"
    shutil.copytree(template, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
    monkeypatch.setenv("PYTHONPATH", str(repository))
    return root


@pytest.fixture(scope="session")
def lived(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the audited world, made once, which takes half a minute."""
    from tests.flows.audit_world import build

    folder = tmp_path_factory.mktemp("lived")
    build(template, folder)
    return folder


@pytest.fixture
def audited(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "World":
    """A copy of the audited world, which tests/flows/audit_world.py tells; the current folder is in it."""
    return _own_world(lived, tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def lived_erased(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the audited world after a row of it was forgotten."""
    from tests.flows.audit_world import copy_of, forget

    folder = tmp_path_factory.mktemp("erased")
    forget(copy_of(lived, folder))
    return folder


@pytest.fixture
def erased(lived_erased: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "World":
    """A copy of the audited world in which `ERASED` was forgotten; the current folder is in it."""
    return _own_world(lived_erased, tmp_path, monkeypatch)


def _own_world(lived: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "World":
    from tests.flows.audit_world import copy_of

    world = copy_of(lived, folder)
    monkeypatch.chdir(world.root)
    monkeypatch.setenv("HALLMARK_HOME", str(world.home))
    return world


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """One server for every test that runs the flow, which takes some seconds to start; its address."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield PREFECT_API_URL.value()
