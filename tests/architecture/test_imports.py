"""Who may import whom, and who must do without what: held by import-linter and by really importing."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.pins import normalised

BARE_ROOMS = ("tasks.rl", "tasks.models", "tasks.rewards", "tasks.training")
ABSENT_ON_A_BARE_MACHINE = (
    "prefect", "mlflow", "dvc", "great_expectations", "pydantic", "rfc8785", "sqlalchemy")  # transformers brings yaml
HEAVY = ("torch", "mlflow", "prefect", "great_expectations", "transformers", "pandas", "sklearn", "dvc", "matplotlib")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def python(repository: Path, program: str) -> subprocess.CompletedProcess[str]:
    return run(repository, sys.executable, "-c", program)


def test_the_import_contracts_hold(repository: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")

    done = run(repository, str(linter), "--no-cache")

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("room", BARE_ROOMS)
def test_what_learns_imports_on_a_machine_with_torch_and_transformers_alone(repository: Path, room: str) -> None:
    modules = sorted(
        ".".join(path.relative_to(repository).with_suffix("").parts)
        for path in (repository / room.replace(".", "/")).rglob("*.py"))
    program = f"""
import importlib, sys
for name in {ABSENT_ON_A_BARE_MACHINE!r}:
    sys.modules[name] = None  # an import of it now raises ImportError, as if it were not installed
for name in {modules!r}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    done = python(repository, program)

    assert done.returncode == 0, done.stderr[-2000:]


def test_the_guard_against_absent_packages_bites(repository: Path) -> None:
    done = python(repository, "import sys; sys.modules['pydantic'] = None; import tasks.contracts.frozen")

    assert done.returncode == 1
    assert "pydantic" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["status", "--help"], ["data", "check", "--help"]])
def test_help_loads_none_of_the_heavy_libraries(repository: Path, words: list[str]) -> None:
    program = f"""
import sys
from flows.cli.main import main
sys.argv = ["hallmark", *{words!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print("HEAVY:", *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = python(repository, program)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "HEAVY:"


def test_importing_a_module_makes_no_folder_and_sets_no_tracking_server(repository: Path, tmp_path: Path) -> None:
    modules = sorted(
        ".".join(path.relative_to(repository).with_suffix("").parts).removesuffix(".__init__")
        for room in ("flows", "tasks") for path in (repository / room).rglob("*.py"))
    program = f"""
import importlib, os, sys
sys.path.insert(0, {str(repository)!r})
before = dict(os.environ)
for name in {modules!r}:
    importlib.import_module(name)
print({{name for name in os.environ.keys() | before.keys() if os.environ.get(name) != before.get(name)
       and name.startswith(("HALLMARK", "MLFLOW_TRACKING", "PREFECT_API"))}} or "nothing")
"""
    done = run(tmp_path, sys.executable, "-c", program)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "nothing"
    assert list(tmp_path.iterdir()) == []


def test_every_library_that_is_imported_is_a_declared_dependency(repository: Path) -> None:
    import ast
    import re
    import tomllib
    from importlib import metadata

    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["server"]
    declared = {normalised(match[0]) for line in lines if (match := re.match(r"[\w.-]+", line))}
    trees = [ast.parse(path.read_text(encoding="utf-8"))
             for room in ("flows", "tasks") for path in (repository / room).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    libraries = {name.partition(".")[0] for name in imported} - {"flows", "tasks"} - sys.stdlib_module_names
    owners = metadata.packages_distributions()

    undeclared = {name for name in libraries if declared.isdisjoint(map(normalised, owners.get(name, [name])))}

    assert undeclared == set()
