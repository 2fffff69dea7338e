"""Each stage's code in dvc.yaml: a stage runs again when a file changed that it imports, however far down.

DVC sees only what a stage names under `deps`. `python -m infra.stage_deps` compares that with the import closure and
exits 1 where they differ; with `--write` it rewrites the code files among the deps and leaves all else as it is.
"""

import argparse
import re
import sys
from pathlib import Path

import grimp
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

DVC_YAML = Path("dvc.yaml")
CONSTRAINTS = "infra/constraints.txt"
MODULE = re.compile(r"\bpython -m (tasks\.\w+)")


def file_of(module: str, root: Path) -> str:
    """The file of a module, relative to the root, with forward slashes."""
    path = Path(*module.split("."))
    return (path / "__init__.py" if (root / path).is_dir() else path.with_suffix(".py")).as_posix()


def import_closures(root: Path) -> dict[str, list[str]]:
    """Module of a stage file -> the sorted files that importing and running it reads.

    Imports inside functions count. Those under `if TYPE_CHECKING` do not: they never run. Importing `a.b.c` runs
    `a/__init__.py` and `a/b/__init__.py` too.
    """
    graph = grimp.build_graph("tasks", exclude_type_checking_imports=True, cache_dir=None)
    closures = {}
    for stage in graph.find_children("tasks"):
        modules = {stage} | graph.find_upstream_modules(stage)
        packages = {package for module in modules for package in packages_of(module)}
        closures[stage] = sorted(file_of(module, root) for module in modules | packages)
    return closures


def packages_of(module: str) -> list[str]:
    """`a.b.c` -> `a`, `a.b`."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def is_code(dep: object) -> bool:
    return isinstance(dep, str) and dep.endswith(".py")


def differences(stages: dict, closures: dict[str, list[str]]) -> list[str]:
    """One sentence for each dep that a stage lacks or has too many."""
    found = []
    for name, stage in stages.items():
        wanted = {*closures[module_of(name, stage)], CONSTRAINTS}
        named = {dep for dep in stage.get("deps", ()) if is_code(dep) or dep == CONSTRAINTS}
        found += [f"{name} imports {dep}, and its deps do not name it" for dep in sorted(wanted - named)]
        found += [f"{name} names {dep} among its deps, and does not import it" for dep in sorted(named - wanted)]
    return found


def module_of(name: str, stage: dict) -> str:
    match = MODULE.search(str(stage.get("cmd", "")))
    if not match:
        raise SystemExit(f"{DVC_YAML}: stage {name} has cmd {stage.get('cmd')!r}; wanted `python -m tasks.NAME`")
    return match[1]


def rewrite(stages: dict, closures: dict[str, list[str]]) -> None:
    """Replace the code among each stage's deps, in place: what is not code keeps its order and its comments."""
    for name, stage in stages.items():
        deps = stage.setdefault("deps", CommentedSeq())
        deps.fa.set_block_style()  # one file a line, so that a change of one is a change of one line
        for index in reversed(range(len(deps))):
            if is_code(deps[index]):
                del deps[index]
        deps.extend([CONSTRAINTS] * (CONSTRAINTS not in deps) + closures[module_of(name, stage)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="rewrite dvc.yaml")
    write = parser.parse_args().write

    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    pipeline = yaml.load(DVC_YAML)
    closures = import_closures(Path())
    if write:
        rewrite(pipeline["stages"], closures)
        yaml.dump(pipeline, DVC_YAML)
    found = differences(pipeline["stages"], closures)
    print("\n".join(found) or f"the deps of all {len(pipeline['stages'])} stages hold their import closure")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
