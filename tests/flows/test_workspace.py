"""Before a run acts, one message says what is missing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows import workspace as place
from tasks.contracts.errors import DiskFull, NotAWorkspace, ServiceUnreachable, WorkspaceBusy
from tests.flows.toy import run


def test_the_workspace_is_found_from_a_folder_below_it(workspace: Path) -> None:
    below = workspace / "a" / "b"
    below.mkdir(parents=True)

    assert place.find_root(below) == workspace


def test_a_folder_that_is_no_checkout_is_none(workspace: Path) -> None:
    shutil.rmtree(workspace / ".git")

    with pytest.raises(NotAWorkspace, match="wanted a git checkout"):
        place.find_root(workspace)


def test_a_checkout_without_a_commit_is_none(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    run(tmp_path, "git", "init", "-q")

    with pytest.raises(NotAWorkspace, match="no commit"):
        place.find_root(tmp_path)


def test_a_machine_without_git_is_told_so(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace))

    with pytest.raises(NotAWorkspace, match="git is not installed"):
        place.find_root(workspace)


def test_too_little_room_is_refused_and_enough_is_not(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    place.refuse_without_room(tmp_path / "not" / "made" / "yet", wanted_bytes=1)
    with pytest.raises(DiskFull, match="nothing was changed"):
        place.refuse_without_room(tmp_path, wanted_bytes=free + 2**40)
    assert list(tmp_path.iterdir()) == []


def test_missing_data_is_fetched_from_the_seed_remote(workspace: Path) -> None:
    rows = workspace / "data" / "rows.jsonl"
    rows.write_text('{"text": "a row"}\n')
    dvc = [sys.executable, "-m", "dvc"]
    for words in (["remote", "add", "-q", "seed", "infra/seed-data"], ["add", "-q", "data"],
                  ["push", "-q", "-r", "seed", "data.dvc"]):
        assert run(workspace, *dvc, *words).returncode == 0
    shutil.rmtree(workspace / "data")
    shutil.rmtree(workspace / ".dvc" / "cache")

    assert place.fetch_data(workspace) is True
    assert rows.read_text() == '{"text": "a row"}\n'
    assert place.fetch_data(workspace) is False

    shutil.rmtree(workspace / "data")
    shutil.rmtree(workspace / ".dvc" / "cache")
    shutil.rmtree(workspace / "infra")
    with pytest.raises(ServiceUnreachable, match="could not be fetched"):
        place.fetch_data(workspace)


def test_neither_data_nor_a_word_on_where_it_is(workspace: Path) -> None:
    (workspace / "data").rmdir()

    with pytest.raises(NotAWorkspace, match="there is no data"):
        place.fetch_data(workspace)


HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from flows.workspace import hold
with hold(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_run_at_a_time_and_a_killed_one_lets_go(tmp_path: Path, repository: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(repository), str(tmp_path)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"

    assert place.is_held(tmp_path)
    with pytest.raises(WorkspaceBusy, match=f"process {other.pid} since 20"), place.hold(tmp_path):
        pytest.fail("held twice")

    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert not place.is_held(tmp_path)
    with place.hold(tmp_path):
        assert json.loads((tmp_path / "retrain.holder.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "retrain.holder.json").exists()


ACCELERATOR = HOLDER.replace("import hold\n", "import hold_accelerator as hold\n")


def test_one_run_on_the_accelerator_whatever_workspace_it_is_of(tmp_path: Path, repository: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", ACCELERATOR, str(repository), str(tmp_path)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"

    with pytest.raises(WorkspaceBusy, match="accelerator"), place.hold_accelerator(tmp_path):
        pytest.fail("held twice")

    other.kill()
    other.wait()
    with place.hold_accelerator(tmp_path):
        pass
