"""No process of a group outlives its end, whoever ended it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.running.groups import Groups
from tasks.contracts.errors import StageBroke

# the leader starts a child, both write their pid, both sleep; the child ignores SIGTERM where it is told to
FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, sys, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[1] == 'deaf' else signal.SIG_DFL);"
    "print('ready', flush=True); time.sleep(60)", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which only waits for its parent to look, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(done: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    return done()


def start_family(groups: Groups, folder: Path, manner: str = "polite") -> tuple[subprocess.Popen[str], int]:
    process = groups.start([sys.executable, "-c", FAMILY, manner], cwd=folder, env=os.environ)
    assert process.stdout is not None
    said = [process.stdout.readline().strip(), process.stdout.readline().strip()]
    return process, int(next(word for word in said if word != "ready"))


@pytest.mark.parametrize("manner", ["polite", "deaf"])
def test_the_end_of_a_group_ends_its_children_too(tmp_path: Path, manner: str) -> None:
    groups = Groups(tmp_path)
    process, child = start_family(groups, tmp_path, manner)

    groups.end(process, grace_seconds=0.5)

    assert process.returncode == -signal.SIGTERM
    assert wait_until(lambda: not alive(child))
    assert list((tmp_path / "groups").iterdir()) == []


def test_the_twin_that_ends_the_leader_alone_leaves_the_child(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    process, child = start_family(groups, tmp_path)
    process.kill()
    process.wait()

    assert alive(child)
    groups.end(process)
    assert wait_until(lambda: not alive(child))


def test_after_the_end_of_all_nothing_is_started(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    families = [start_family(groups, tmp_path) for _ in range(2)]

    groups.end_all(grace_seconds=1.0)

    assert all(wait_until(lambda child=child: not alive(child)) for _, child in families)
    with pytest.raises(StageBroke, match="cancelled"):
        groups.start(["true"], cwd=tmp_path, env=os.environ)


def test_what_a_killed_run_left_is_ended_by_the_next(tmp_path: Path, repository: Path) -> None:
    program = f"""
import os, sys, time
sys.path.insert(0, {str(repository)!r})
from pathlib import Path
from flows.running.groups import Groups
process = Groups(Path({str(tmp_path)!r})).start(["sleep", "60"], cwd=Path("."), env=os.environ)
print(process.pid, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    left = int(run.stdout.readline())
    run.kill()
    run.wait()
    assert alive(left)

    assert Groups(tmp_path).end_left_behind() == [left]
    assert wait_until(lambda: not alive(left))
    assert Groups(tmp_path).end_left_behind() == []


def test_what_another_process_at_work_has_started_is_left_alone(tmp_path: Path) -> None:
    ours = Groups(tmp_path)
    process = ours.start(["sleep", "60"], cwd=tmp_path, env=os.environ)

    assert Groups(tmp_path).end_left_behind() == []
    assert alive(process.pid)
    ours.end_all()


def test_a_stranger_who_got_the_same_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    groups = Groups(tmp_path)
    groups.note(stranger.pid)
    note = tmp_path / "groups" / str(stranger.pid)
    said = json.loads(note.read_text())
    note.write_text(json.dumps(said | {"started": said["started"] - 100, "owner_started": 0.0}))

    assert groups.end_left_behind() == []
    assert alive(stranger.pid)
    stranger.kill()
    stranger.wait()


KILLED_BEFORE_ITS_NOTE = """
import os, signal, sys
from pathlib import Path
from flows.running.groups import Groups

class Killed(Groups):
    def note(self, pid, **others):
        print(pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
Killed(folder).start(["touch", str(folder / "began")], cwd=folder, env=dict(os.environ))
"""


def test_what_is_killed_before_it_wrote_down_a_group_leaves_none(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_BEFORE_ITS_NOTE, str(tmp_path)]
    owner = subprocess.run(command, capture_output=True, text=True, check=False)
    assert owner.returncode == -signal.SIGKILL, owner.stderr
    assert wait_until(lambda: not alive(int(owner.stdout)))
    assert not (tmp_path / "began").exists()


def test_a_group_begins_once_it_is_written_down(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    process = groups.start(["sh", "-c", "cat; ls groups"], cwd=tmp_path, env=dict(os.environ))
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said.split()) == (0, [str(process.pid)])
    groups.forget(process)
