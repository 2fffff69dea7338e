"""The graph is dvc.yaml's, and DVC says what is stale."""

from pathlib import Path

import pytest

from flows.running.graph import read_graph
from tasks.contracts.errors import NotAWorkspace
from tests.flows.toy import run


def test_a_stage_waits_for_the_stage_whose_output_it_reads(workspace: Path) -> None:
    graph = read_graph(workspace)

    assert graph.parents == {"learn": (), "measure": ("learn",)}
    assert list(graph) == ["learn", "measure"]
    assert graph.stale == {"learn", "measure"}


def test_a_stage_that_is_added_to_dvc_yaml_is_in_the_graph(workspace: Path) -> None:
    with (workspace / "dvc.yaml").open("a", encoding="utf-8") as file:
        file.write("  last:\n    cmd: echo done\n    deps: [build/evidence, build/sft]\n")

    graph = read_graph(workspace)

    assert set(graph.parents["last"]) == {"measure", "learn"}
    assert list(graph).index("last") == 2


@pytest.mark.parametrize("text", ["stages:\n  a:\n    cmd: [", "stages: {}\n", "stages:\n  a: {deps: [x]}\n"],
                         ids=["no YAML", "no stage", "a stage without a command"])
def test_a_pipeline_that_cannot_be_read_is_one_clear_error(workspace: Path, text: str) -> None:
    (workspace / "dvc.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(NotAWorkspace):
        read_graph(workspace)


def test_a_cycle_is_refused(workspace: Path) -> None:
    (workspace / "dvc.yaml").write_text(
        "stages:\n  a: {cmd: x, deps: [p], outs: [q]}\n  b: {cmd: x, deps: [q], outs: [p]}\n", encoding="utf-8")

    with pytest.raises(NotAWorkspace, match="cycl"):
        read_graph(workspace)


def test_a_folder_without_dvc_is_no_workspace(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "-q")

    with pytest.raises(NotAWorkspace):
        read_graph(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".git"]
