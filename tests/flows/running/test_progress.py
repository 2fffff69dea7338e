"""What a person sees: a line a stage, and tables without surprises from rows."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from flows.cli.tables import show_findings, show_samples, show_stages
from flows.running.progress import LiveWatcher, PlainWatcher

COLUMNS = [TextColumn("{task.description} {task.fields[state]} {task.completed}/{task.total} {task.fields[numbers]}")]


def lines_of(progress: Progress) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    console.print(progress)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_each_stage_has_one_line_that_is_drawn_again() -> None:
    progress = Progress(*COLUMNS, console=Console(file=io.StringIO()))
    watcher = LiveWatcher(progress)

    watcher.stage_begins("learn")
    watcher.begin("learn", 30, "updates")
    watcher.step("learn", 20, {"loss": 0.5, "reward": 1.25, "kl_nats": 3.0})
    watcher.stage_ends("measure", "skipped", 0.0)

    assert lines_of(progress) == ["learn running 20/30 loss 0.5  reward 1.25", "measure skipped 1/1"]

    watcher.stage_ends("learn", "failed", 2.0)
    watcher.stage_begins("learn")  # a retry takes the same line

    assert lines_of(progress)[0].startswith("learn running again 0/")


def test_without_a_terminal_a_stage_that_is_skipped_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = PlainWatcher()

    watcher.stage_ends("learn", "skipped", 0.0)
    watcher.stage_begins("measure")
    watcher.stage_ends("measure", "ran", 65.0)

    assert capsys.readouterr().out.splitlines() == ["learn: skipped", "measure: started", "measure: ran in 1 min 05 s"]


def test_the_tables_say_what_was_made_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show_stages([{"name": "learn", "state": "ran", "seconds": 65.0, "lock_digest": "ab" * 32},
                 {"name": "measure", "state": "skipped", "seconds": 0.0, "lock_digest": None}])
    show_findings([{"metric": "kl_nats", "wanted": "value <= 10", "found": None, "low": None, "high": None,
                    "samples": None, "passed": False, "reason": "none"}])

    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "learn ran 1 min 05 s abababababab" in said
    assert "measure skipped" in said
    assert "kl_nats value <= 10 nothing FAILED" in said


def test_an_answer_can_neither_colour_nor_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_samples([{"prompt": "[red]p[/red]", "sft": "a\x1b[2Jb\x07", "policy": "line\nline", "sft_score": 0.5}])

    said = capsys.readouterr().out
    assert "[red]p[/red]" in said
    assert "a [2Jb" in said
    assert "\x1b" not in said
    assert "\x07" not in said
