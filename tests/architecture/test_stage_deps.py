"""The deps of dvc.yaml hold each stage's import closure, and the comparison notices when they do not."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from infra.stage_deps import CONSTRAINTS, differences, import_closures, packages_of, rewrite

CLOSURES = {"tasks.one": ["tasks/a.py", "tasks/one.py"], "tasks.two": ["tasks/two.py"]}


def pipeline(text: str) -> dict:
    return YAML().load(text)["stages"]


def stages_with(*deps: str) -> dict:
    return {"one": {"cmd": "python -m tasks.one", "deps": list(deps)}}


def test_each_stage_names_the_code_that_it_imports(repository: Path) -> None:
    stages = pipeline((repository / "dvc.yaml").read_text(encoding="utf-8"))

    assert differences(stages, import_closures(repository)) == [], "`make deps` rewrites the deps"


def test_a_closure_holds_what_is_imported_far_below_and_the_packages_on_the_way(repository: Path) -> None:
    closure = import_closures(repository)["tasks.train_policy"]

    for wanted in ("tasks/train_policy.py", "tasks/__init__.py", "tasks/training/__init__.py",
                   "tasks/rl/advantages.py", "tasks/contracts/errors.py"):
        assert wanted in closure


def test_the_closure_is_that_of_really_importing(repository: Path) -> None:
    program = """
import sys, tasks.train_policy
print(*sorted(name for name in sys.modules if name == "tasks" or name.startswith("tasks.")))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)
    closure = set(import_closures(repository)["tasks.train_policy"])

    loaded = {name.replace(".", "/") for name in done.stdout.split()}

    assert {name for name in loaded if f"{name}.py" not in closure and f"{name}/__init__.py" not in closure} == set()


def test_a_dep_that_is_missing_is_named() -> None:
    assert differences(stages_with(CONSTRAINTS, "tasks/one.py"), CLOSURES) == [
        "one imports tasks/a.py, and its deps do not name it"]


def test_a_dep_too_many_is_named() -> None:
    assert differences(stages_with(CONSTRAINTS, "tasks/a.py", "tasks/one.py", "tasks/b.py"), CLOSURES) == [
        "one names tasks/b.py among its deps, and does not import it"]


def test_a_stage_without_the_pins_is_named() -> None:
    assert differences(stages_with("tasks/a.py", "tasks/one.py"), CLOSURES) == [
        f"one imports {CONSTRAINTS}, and its deps do not name it"]


def test_a_stage_that_runs_no_module_is_refused() -> None:
    with pytest.raises(SystemExit, match="wanted `python -m tasks"):
        differences({"one": {"cmd": "echo 1"}}, CLOSURES)


def test_rewriting_keeps_data_deps_and_comments(tmp_path: Path) -> None:
    yaml, file = YAML(), tmp_path / "dvc.yaml"
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load("""\
stages:
  one: # the first
    cmd: python -m tasks.one
    deps:
      - data # raw rows
      - infra/constraints.txt
      - tasks/gone.py
    outs:
      - build/one # kept
  two:
    cmd: python -m tasks.two
    deps: [build/one]
""")
    rewrite(document["stages"], CLOSURES)
    yaml.dump(document, file)

    assert file.read_text(encoding="utf-8") == """\
stages:
  one: # the first
    cmd: python -m tasks.one
    deps:
      - data # raw rows
      - infra/constraints.txt
      - tasks/a.py
      - tasks/one.py
    outs:
      - build/one # kept
  two:
    cmd: python -m tasks.two
    deps:
      - build/one
      - infra/constraints.txt
      - tasks/two.py
"""
    assert differences(document["stages"], CLOSURES) == []


def test_packages_of_a_module_are_all_above_it() -> None:
    assert packages_of("tasks.rl.kl") == ["tasks", "tasks.rl"]
