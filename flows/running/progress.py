"""What a person sees while a run goes on: one live line a stage on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from tasks.stage.views import Lines, Pace, duration, few_numbers

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Watcher(Protocol):
    """Hears of every stage; stages side by side call it from several threads."""

    def stage_begins(self, name: str) -> None: ...

    def begin(self, name: str, steps: int, unit: str) -> None: ...

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None: ...

    def note(self, name: str, text: str) -> None: ...

    def stage_ends(self, name: str, state: str, seconds: float) -> None: ...


class PlainWatcher:
    """Lines for logs and pipes: the beginning and end of a stage, and every few seconds how far it is."""

    def __init__(self) -> None:
        self._lines: dict[str, Lines] = {}

    def stage_begins(self, name: str) -> None:
        self._lines[name] = Lines(name)
        print(f"{name}: started", flush=True)

    def begin(self, name: str, steps: int, unit: str) -> None:
        self._lines[name].begin(steps, unit)

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        self._lines[name].step(step, numbers)

    def note(self, name: str, text: str) -> None:
        print(f"{name}: {text}", flush=True)

    def stage_ends(self, name: str, state: str, seconds: float) -> None:
        took = "" if state == "skipped" else f" in {duration(seconds)}"
        print(f"{name}: {state}{took}", flush=True)


class LiveWatcher:
    """One line a stage that is drawn again: name, state, bar, steps, rate, time left, the latest numbers."""

    def __init__(self, progress: "Progress"):
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._paces: dict[str, Pace] = {}

    def stage_begins(self, name: str) -> None:
        self._paces[name] = Pace()
        if name in self._tasks:  # a retry
            self._progress.reset(self._tasks[name], total=None, state="running again", pace="", numbers="")
        else:
            self._tasks[name] = self._progress.add_task(name, total=None, state="running", pace="", numbers="")

    def begin(self, name: str, steps: int, unit: str) -> None:
        self._paces[name].begin(steps, unit)
        self._progress.update(self._tasks[name], total=steps, completed=0)

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        pace = self._paces[name]
        pace.step = step
        self._progress.update(
            self._tasks[name], completed=step, pace=pace.in_words(), numbers=few_numbers(numbers, 2))

    def note(self, name: str, text: str) -> None:
        self._progress.console.print(f"{name}: {text}", markup=False)

    def stage_ends(self, name: str, state: str, seconds: float) -> None:
        took = "" if state == "skipped" else f"in {duration(seconds)}"
        if name not in self._tasks:
            self.stage_begins(name)
        self._progress.update(self._tasks[name], total=1, completed=1, state=state, pace=took)
        self._progress.stop_task(self._tasks[name])


class Both:
    """Two watchers, each of which hears of everything."""

    def __init__(self, first: Watcher, second: Watcher):
        self._all = (first, second)

    def stage_begins(self, name: str) -> None:
        for one in self._all:
            one.stage_begins(name)

    def begin(self, name: str, steps: int, unit: str) -> None:
        for one in self._all:
            one.begin(name, steps, unit)

    def step(self, name: str, step: int, numbers: Mapping[str, float]) -> None:
        for one in self._all:
            one.step(name, step, numbers)

    def note(self, name: str, text: str) -> None:
        for one in self._all:
            one.note(name, text)

    def stage_ends(self, name: str, state: str, seconds: float) -> None:
        for one in self._all:
            one.stage_ends(name, state, seconds)


_watcher: ContextVar[Watcher] = ContextVar("watcher")


def watcher() -> Watcher:
    """Who watches this run; a watcher of plain lines where nobody was named. Ask once a stage and keep it."""
    return _watcher.get(None) or PlainWatcher()


@contextmanager
def watched() -> Iterator[None]:
    """Show the stages that run inside: live on a terminal, as plain lines elsewhere."""
    if not sys.stdout.isatty():
        with _watched_by(PlainWatcher()):
            yield
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = [SpinnerColumn(finished_text="·"), TextColumn("{task.description}"), TextColumn("{task.fields[state]}"),
               BarColumn(bar_width=20), TextColumn("{task.fields[pace]}"), TextColumn("[dim]{task.fields[numbers]}")]
    with Progress(*columns) as progress, _watched_by(LiveWatcher(progress)):
        yield


@contextmanager
def also_watched_by(one: Watcher) -> Iterator[None]:
    """Let one more watcher hear of the stages that run inside."""
    with _watched_by(Both(watcher(), one)):
        yield


@contextmanager
def _watched_by(one: Watcher) -> Iterator[None]:
    token = _watcher.set(one)
    try:
        yield
    finally:
        _watcher.reset(token)
