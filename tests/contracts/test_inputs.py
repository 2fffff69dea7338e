from pathlib import Path

import pytest

from tasks.contracts.errors import NotAWorkspace
from tasks.contracts.inputs import checkpoint_folder, stage_digest

GRAPH = """
stages:
  learn:
    cmd: true
    deps: [rows.txt, folder]
    params: [seed, ppo.updates]
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "params.yaml").write_text("seed: 1\nppo: {updates: 2, clip: 0.2}\nother: 3\n")
    (tmp_path / "rows.txt").write_text("rows")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/one.txt").write_text("one")
    return tmp_path


def test_the_same_inputs_have_the_same_digest(workspace):
    assert stage_digest("learn") == stage_digest("learn")
    assert checkpoint_folder("learn") == Path(".hallmark/checkpoints/learn") / stage_digest("learn")


@pytest.mark.parametrize(("file", "text"), [
    ("rows.txt", "other rows"), ("folder/one.txt", "two"), ("folder/new.txt", "one"),
    ("params.yaml", "seed: 2\nppo: {updates: 2, clip: 0.2}\nother: 3\n"),
    ("params.yaml", "seed: 1\nppo: {updates: 3, clip: 0.2}\nother: 3\n"),
])
def test_any_change_of_what_the_stage_depends_on_changes_it(workspace, file, text):
    before = stage_digest("learn")
    (workspace / file).write_text(text)
    assert stage_digest("learn") != before


def test_a_setting_that_the_stage_does_not_read_changes_nothing(workspace):
    before = stage_digest("learn")
    (workspace / "params.yaml").write_text("seed: 1\nppo: {updates: 2, clip: 0.5}\nother: 4\n")
    assert stage_digest("learn") == before


def test_a_stage_that_is_not_there_is_named(workspace):
    with pytest.raises(NotAWorkspace, match="no stage nothing"):
        stage_digest("nothing")
