"""A run by hand refuses, a deployed one waits; both in time, and their end is not broken off."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.running.groups import Groups
from flows.scheduling.turn import OutOfTime, in_time, patiently, taken, undisturbed
from flows.workspace import hold
from tasks.contracts.errors import Misused, WorkspaceBusy
from tests.flows.running.test_groups import alive, wait_until
from tests.flows.test_workspace import HOLDER


def held_elsewhere(folder: Path, repository: Path) -> "subprocess.Popen[str]":
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(repository), str(folder)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_by_hand_it_refuses_and_patiently_it_waits_and_says_so_once(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = held_elsewhere(tmp_path, repository)
    with pytest.raises(WorkspaceBusy), taken(tmp_path, needs_gpu=False):
        pytest.fail("held twice")

    with pytest.raises(OutOfTime), in_time(2 / 3600), patiently(lambda: hold(tmp_path), look_seconds=0.1):
        pytest.fail("held twice")
    assert capsys.readouterr().out.count("waiting: another run is at work here (process") == 1

    other.kill()
    other.wait()
    with patiently(lambda: hold(tmp_path)):
        pass


def test_time_that_is_over_breaks_off_what_waits_and_only_that() -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTime, match="at most") as caught, in_time(0.3 / 3600):
        time.sleep(20)
    assert time.monotonic() - began < 5
    assert isinstance(caught.value, TimeoutError)  # so Prefect says TimedOut

    with in_time(0.3 / 3600):
        pass
    time.sleep(0.5)  # no alarm comes after


@pytest.mark.parametrize("hours", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_pass_is_refused(hours: float) -> None:
    with pytest.raises(Misused, match="no time for a run"), in_time(hours):
        pytest.fail("ran")


def test_an_end_is_not_broken_off_by_a_second_signal() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with undisturbed():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            os.kill(os.getpid(), number)
        time.sleep(0.1)
    assert signal.getsignal(signal.SIGTERM) is before


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from flows.running.groups import Groups
with Groups(Path(sys.argv[2])).as_a_child():
    print("noted", flush=True)
    time.sleep(60)
"""
PARENT = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', *sys.argv[1:]])\ntime.sleep(60)\n"


def test_a_run_whose_parent_was_killed_is_ended_and_one_with_a_parent_is_not(tmp_path: Path, repository: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(repository), str(tmp_path)],
                              stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "noted\n"
    (note,) = (tmp_path / "groups").iterdir()
    child = int(note.name)
    assert Groups(tmp_path).end_left_behind() == []
    assert alive(child)

    parent.kill()
    parent.wait()

    assert Groups(tmp_path).end_left_behind() == [child]
    assert wait_until(lambda: not alive(child))
    assert list((tmp_path / "groups").iterdir()) == []
