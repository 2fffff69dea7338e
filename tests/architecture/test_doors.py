"""There is one door to the bytes that MLflow stores, and one to a registered model."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DOORS = {  # what is called -> the only files that may
    "download_artifacts": {"tasks/records/artifact_store.py"},
    "get_model_version_download_uri": {"tasks/records/model_store.py"},
    "load_model": set(),  # MLflow's own way, which checks nothing
    "fetch": {"flows/promotion/verified.py"},  # of tasks/records/model_store.py
}


def called(source: str) -> Iterator[str]:
    """The last names of all that a module calls or hands on: `a.b.c(...)` is c."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("name", DOORS)
def test_nobody_goes_past_the_door(repository: Path, name: str) -> None:
    files = [path for room in ("flows", "tasks") for path in (repository / room).rglob("*.py")]

    found = {path.relative_to(repository).as_posix() for path in files
             if name in called(path.read_text(encoding="utf-8"))}

    assert found == DOORS[name]


@pytest.mark.parametrize("line", [
    "import mlflow\nmlflow.artifacts.download_artifacts(x)", "from mlflow.artifacts import download_artifacts",
    "way = client.download_artifacts"])
def test_a_way_past_it_is_recognised(line: str) -> None:
    assert "download_artifacts" in called(line)


def test_a_text_about_it_is_none() -> None:
    assert "download_artifacts" not in called('"""Never call download_artifacts."""')
