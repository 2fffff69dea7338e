"""A stage runs in a group of its own; what became of it is told by its events and dvc.lock."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flows.running.groups import Groups
from flows.running.stages import Listener, Workplace, error_of, repro
from tasks.contracts.errors import HallmarkError, StageBroke, StageKilled
from tests.flows.running.test_groups import alive, wait_until


class Heard:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def stage_begins(self, name: str) -> None:
        self.said.append(("begins", name))

    def begin(self, name: str, steps: int, unit: str) -> None:
        self.said.append((name, steps, unit))

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        self.said.append((name, step))

    def note(self, name: str, text: str) -> None: ...

    def stage_ends(self, name: str, state: str, seconds: float) -> None:
        self.said.append(("ends", name, state))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def place(workspace: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr("flows.running.stages.watcher", lambda: heard)
    return Workplace(workspace, workspace / ".hallmark", "r1", Groups(workspace / ".hallmark"))


def test_a_stage_runs_is_skipped_and_is_restored(place: Workplace, heard: Heard) -> None:
    first = repro("learn", place)
    assert (first.state, len(first.lock_digest or ""), bool(first.run_id)) == ("ran", 64, True)
    assert heard.said == [("begins", "learn"), ("learn", 3, "updates"), ("learn", 1), ("learn", 2), ("learn", 3),
                          ("ends", "learn", "ran")]
    assert "Running stage 'learn'" in place.log_of("learn").read_text()

    again = repro("learn", place)
    assert (again.state, again.lock_digest, again.run_id) == ("skipped", first.lock_digest, None)

    (place.root / "build/policy/model.safetensors").unlink()
    assert repro("learn", place).state == "restored"


def test_a_command_without_events_runs_is_skipped_is_restored_and_is_forced(place: Workplace) -> None:
    with (place.root / "dvc.yaml").open("a") as file:
        file.write("  plain: {cmd: cp rows.txt copy.txt, deps: [rows.txt], outs: [copy.txt]}\n")
    first = repro("plain", place)
    assert (first.state, first.run_id) == ("ran", None)
    assert repro("plain", place).state == "skipped"

    (place.root / "rows.txt").write_text("three")
    other = repro("plain", place)
    assert (other.state, other.lock_digest == first.lock_digest) == ("ran", False)

    (place.root / "rows.txt").write_text("one two")
    back = repro("plain", place)
    assert (back.state, back.lock_digest) == ("restored", first.lock_digest)

    forced = repro("plain", replace(place, force=True), stale=False)
    assert (forced.state, forced.lock_digest) == ("ran", first.lock_digest)


def test_what_is_not_stale_starts_no_process(place: Workplace, heard: Heard) -> None:
    assert repro("learn", place, stale=False).state == "skipped"

    assert heard.said == [("ends", "learn", "skipped")]
    assert not place.log_of("learn").exists()


@pytest.mark.parametrize(("rows", "kind", "said", "retryable"), [
    ("crash", StageBroke, "ZeroDivisionError: one over nothing", False),
    ("die", StageKilled, "SIGKILL", True),
])
def test_the_error_is_the_one_that_the_stage_named(
    place: Workplace, heard: Heard, rows: str, kind: type[HallmarkError], said: str, retryable: bool
) -> None:
    (place.root / "rows.txt").write_text(rows)

    with pytest.raises(kind, match=said) as caught:
        repro("learn", place)

    assert caught.value.retryable is retryable
    assert heard.said[-1] == ("ends", "learn", "failed")
    assert not (place.root / "dvc.lock").exists()


def test_a_stage_that_dvc_cannot_start_is_told_in_dvcs_words(place: Workplace) -> None:
    (place.root / "rows.txt").unlink()

    with pytest.raises(StageBroke, match=r"ERROR: .*rows\.txt"):
        repro("learn", place)


def test_a_cancel_ends_the_stage_and_its_child_is_gone(place: Workplace) -> None:
    (place.root / "rows.txt").write_text("sleep")
    errors: list[HallmarkError] = []

    def in_a_thread() -> None:
        try:
            repro("learn", place)
        except HallmarkError as error:
            errors.append(error)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    note = place.root / "pid"
    assert wait_until(lambda: note.exists() and bool(note.read_text()), 30)
    child = int(note.read_text())
    assert alive(child)

    place.groups.end_all()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert wait_until(lambda: not alive(child))
    assert [type(error) for error in errors] == [StageBroke]  # no retry: its run is over
    assert "with its run" in str(errors[0])


def heard_from(*lines: str) -> Listener:
    listener = Listener("learn", Heard())
    for line in lines:
        listener.hear(line)
    return listener


@pytest.mark.parametrize(("line", "code", "kind"), [
    ("ERROR: failed to reproduce 'learn': failed to run: x, exited with -9\n", 255, StageKilled),
    ("ERROR: failed to reproduce 'learn': failed to run: x, exited with 137\n", 255, StageKilled),
    ("ERROR: failed to reproduce 'learn': failed to run: x, exited with 1\n", 255, StageBroke),
    ("", -15, StageKilled),
    ("", 1, StageBroke),
])
def test_a_stage_that_ended_without_a_word(line: str, code: int, kind: type[HallmarkError]) -> None:
    assert type(error_of(heard_from(line), code, Path("log"))) is kind


@pytest.mark.parametrize("name", ["SystemExit", "errors", "Refused.mro", "no such"])
def test_an_error_of_an_unknown_type_is_a_broken_stage(name: str) -> None:
    listener = heard_from("\x1e" + json.dumps({"event": "error", "type": name, "message": "m"}) + "\n")

    assert type(error_of(listener, 1, Path("log"))) is StageBroke


def test_an_event_is_heard_where_other_output_runs_into_it_and_half_a_one_is_not() -> None:
    listener = heard_from('noise\x1e{"event": "done", "run_id": "r", "numbers": {}}\n', '\x1e{"event": "err')

    assert (listener.done, listener.run_id, listener.said, listener.error) == (True, "r", ["noise"], None)


def test_the_stages_python_is_ours(place: Workplace) -> None:
    from flows.running.stages import environment

    first = environment(place)["PATH"].split(os.pathsep)[0]

    assert (Path(first) / "python").exists()


def test_the_secret_of_the_webhook_stays_with_the_flow(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.running.stages import environment

    monkeypatch.setenv("HALLMARK_WEBHOOK", "https://hooks.example.org/secret")

    assert "HALLMARK_WEBHOOK" not in environment(place)
    assert environment(place)["HALLMARK_HOME"] == str(place.home)


def test_the_password_of_the_ledgers_database_stays_with_the_flow(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.running.stages import environment

    monkeypatch.setenv("HALLMARK_LEDGER", "postgresql://hallmark:secret@db.example.org/ledger")

    assert "secret" not in "".join(environment(place).values())
