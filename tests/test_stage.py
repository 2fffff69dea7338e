"""A stage's function becomes a command: its files, its MLflow run, its events, its exit code."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tasks import stage
from tasks.contracts.config import Params
from tasks.contracts.errors import DataRefused, HallmarkError
from tasks.contracts.places import METRICS, PLOTS
from tasks.contracts.reporting import Sink
from tasks.stage.files import write_metrics, write_plot, write_whole
from tasks.stage.views import Events, Lines, Pace, duration


class Watched:
    """A view that remembers."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.error: HallmarkError | None = None
        self.run_id, self.numbers = "", {}  # type: str, Mapping[str, float]

    def begin(self, steps: int, unit: str = "steps") -> None:
        self.steps = [steps]

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        self.steps.append(step)

    def note(self, text: str) -> None: ...

    def fail(self, error: HallmarkError) -> None:
        self.error = error

    def done(self, run_id: str, numbers: Mapping[str, float]) -> None:
        self.run_id, self.numbers = run_id, numbers


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One MLflow database for all stages here; making one takes seconds."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def place(home: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    (tmp_path / "dvc.yaml").write_text("stages:\n  learn:\n    cmd: x\n    params: [seed, ppo.updates, promotion]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALLMARK_HOME", str(home))
    return tmp_path


def learn(params: Params, sink: Sink) -> Mapping[str, float]:
    sink.begin(2, "updates")
    sink.step(1, {"loss": 0.5})
    sink.step(2, {"loss": 0.25, "reward": float("nan")})
    return {"loss": 0.25, "lost": float("inf"), "rows": 3}


def test_a_stage_leaves_its_numbers_in_files_and_in_mlflow() -> None:
    from tasks.records.mlflow_store import connect

    view = Watched()

    assert stage.run(learn, view) == 0
    assert view.steps == [2, 1, 2]
    assert json.loads((METRICS / "learn.json").read_text()) == {"loss": 0.25, "lost": None, "rows": 3}
    with (PLOTS / "learn.csv").open() as file:
        assert list(csv.reader(file)) == [["step", "loss", "reward"], ["1", "0.5", ""], ["2", "0.25", "nan"]]
    run = connect().get_run(view.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"loss": 0.25, "rows": 3.0}
    assert {"seed", "ppo.updates", "promotion.approvals"} <= run.data.params.keys()
    assert "ppo.clip" not in run.data.params


def fails_with(fault: BaseException) -> Callable[[Params, Sink], Mapping[str, float]]:
    def learn(params: Params, sink: Sink) -> Mapping[str, float]:
        raise fault
    return learn


@pytest.mark.parametrize(("fault", "kind", "code", "said"), [
    (DataRefused("3 rows", where="a.jsonl"), "DataRefused", 1, "a.jsonl: 3 rows"),
    (OSError(errno.ENOSPC, "No space left on device", "build/x"), "DiskFull", 3, "build/x: no room left"),
    (ZeroDivisionError("one over nothing"), "StageBroke", 3, "ZeroDivisionError: one over nothing"),
    (KeyboardInterrupt(), "StageKilled", 3, "was interrupted"),
])
def test_each_fault_is_one_message_and_an_exit_code(
    fault: BaseException, kind: str, code: int, said: str, home: Path
) -> None:
    view = Watched()

    assert stage.run(fails_with(fault), view) == code
    assert type(view.error).__name__ == kind
    assert said in str(view.error)
    assert not METRICS.exists()
    if kind == "StageBroke":
        assert "ZeroDivisionError" in (home / "logs" / "learn.log").read_text()


def test_a_file_that_cannot_be_written_leaves_nothing_half_written(place: Path) -> None:
    write_whole(place / "kept.txt", "old")

    with pytest.raises(UnicodeEncodeError):
        write_whole(place / "kept.txt", "new \ud800")

    assert (place / "kept.txt").read_text() == "old"
    assert {path.name for path in place.iterdir()} == {"kept.txt", "params.yaml", "dvc.yaml"}


def test_the_same_numbers_are_the_same_bytes(place: Path) -> None:
    one, other = write_metrics(place / "a", {"a": 1, "b": 2.5}), write_metrics(place / "b", {"b": 2.5, "a": 1})

    assert one.read_bytes() == other.read_bytes() == b'{\n  "a": 1,\n  "b": 2.5\n}\n'
    assert write_plot(place / "c", [{"step": 1}, {"step": 2, "x": 0.1}]).read_text() == "step,x\n1,\n2,0.1\n"


def events_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.split("\x1e")[1:]]


def test_events_are_a_json_text_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    view = Events("learn")
    view.begin(2, "updates")
    view.step(1, {"loss": float("nan"), "reward": 1.5})
    view.note("a line\nwith \x1e in it")
    view.fail(DataRefused("3 rows", where="a.jsonl"))
    view.done("r1", {"loss": 0.5})

    assert events_of(capsys.readouterr().out) == [
        {"event": "begin", "stage": "learn", "steps": 2, "unit": "updates"},
        {"event": "step", "step": 1, "numbers": {"loss": None, "reward": 1.5}},
        {"event": "note", "text": "a line\nwith \x1e in it"},
        {"event": "error", "type": "DataRefused", "message": "a.jsonl: 3 rows", "exit_code": 1, "retryable": False},
        {"event": "done", "run_id": "r1", "numbers": {"loss": 0.5}}]


SLEEPER = """
import os, time
from tasks import stage
def learn(params, sink):
    sink.note(str(os.getpid()))
    time.sleep(60)
stage.main(learn)
"""


def test_a_stage_that_is_ended_closes_its_run_and_says_that_it_can_be_resumed(repository: Path) -> None:
    from tasks.records.mlflow_store import connect, experiment_id

    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "HALLMARK_EVENTS": "1", "PYTHONPATH": str(repository)})
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)
    said = events_of(process.communicate(timeout=60)[0])

    assert process.returncode == 3
    assert [(one["type"], one["retryable"]) for one in said] == [("StageKilled", True)]
    last = connect().search_runs([experiment_id()], max_results=1, order_by=["attributes.start_time DESC"])[0]
    assert last.info.status == "KILLED"


def test_without_settings_a_stage_says_so_and_ends_with_2(place: Path) -> None:
    (place / "params.yaml").unlink()
    view = Watched()

    assert stage.run(learn, view) == 2
    assert "there are no settings" in str(view.error)


def test_the_pace_is_steps_over_seconds_and_the_rest_at_that_rate() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    pace.begin(30, "updates")
    pace.step, now[0] = 20, 110.0  # 20 in 10 seconds are 2 a second, and 10 are left

    assert pace.in_words() == "20/30 updates, 2/s, 5 s left"


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"),
                                                (3 * 3600 + 600, "3 h 10 min")])
def test_a_duration_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_plain_lines_come_every_few_seconds_and_not_at_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    view = Lines("learn", every_seconds=10, clock=lambda: now[0])
    view.begin(100)
    for step in range(1, 31):
        now[0] = float(step)
        view.step(step, {"loss": 1 / step})

    # 30 steps in 30 seconds: a line at 10, 20 and 30
    assert capsys.readouterr().out.splitlines() == [
        "learn: 100 steps to do", "learn: 10/100 steps, 1/s, 1 min 30 s left  loss 0.1",
        "learn: 20/100 steps, 1/s, 1 min 20 s left  loss 0.05",
        "learn: 30/100 steps, 1/s, 1 min 10 s left  loss 0.03333"]
