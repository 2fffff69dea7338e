"""How a stage shows its progress: events for a flow that listens, a live line on a terminal, plain lines elsewhere."""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from tasks.contracts.errors import HallmarkError
from tasks.contracts.reporting import Sink
from tasks.stage.files import or_null

EVENTS = "HALLMARK_EVENTS"  # "1": progress as a JSON text sequence
RECORD_SEPARATOR = "\x1e"


class View(Sink, Protocol):
    """A sink that also shows how the stage ended."""

    def fail(self, error: HallmarkError) -> None: ...

    def done(self, run_id: str, numbers: Mapping[str, float]) -> None: ...


def choose_view(name: str) -> View:
    """Events for a flow that listens, a live line on a terminal, plain lines elsewhere."""
    if os.environ.get(EVENTS) == "1":
        return Events(name)
    return Live(name) if sys.stdout.isatty() else Lines(name)


class Events:
    """JSON text sequences (RFC 7464) on stdout."""

    def __init__(self, stage: str, out: io.TextIOBase | None = None):
        self._stage, self._out = stage, out or sys.stdout

    def _send(self, event: str, **fields: object) -> None:
        self._out.write(f"{RECORD_SEPARATOR}{json.dumps({'event': event, **fields})}\n")
        self._out.flush()

    def begin(self, steps: int, unit: str = "steps") -> None:
        self._send("begin", stage=self._stage, steps=steps, unit=unit)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        self._send("step", step=step, numbers=or_null(numbers))

    def note(self, text: str) -> None:
        self._send("note", text=text)

    def fail(self, error: HallmarkError) -> None:
        self._send("error", type=type(error).__name__, message=error.message(), exit_code=error.exit_code,
                   retryable=error.retryable)

    def done(self, run_id: str, numbers: Mapping[str, float]) -> None:
        self._send("done", run_id=run_id, numbers=or_null(numbers))


class Pace:
    """How far a loop is, how fast, and how long it will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self.begin(0)

    def begin(self, steps: int, unit: str = "steps") -> None:
        self.steps, self.unit, self.step, self._began = steps, unit, 0, self._clock()

    @property
    def per_second(self) -> float:
        elapsed = self._clock() - self._began
        return self.step / elapsed if elapsed > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None as long as the rate is unknown."""
        return max(self.steps - self.step, 0) / self.per_second if self.per_second > 0 else None

    def in_words(self) -> str:
        if not self.steps:
            return ""
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return f"{self.step}/{self.steps} {self.unit}, {self.per_second:.3g}/s{left}"


def duration(seconds: float) -> str:
    """Seconds as people say them: `48 s`, `2 min 05 s`, `3 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def few_numbers(numbers: Mapping[str, float], most: int = 3) -> str:
    """The first numbers of a step on one short line."""
    return "  ".join(f"{key} {value:.4g}" for key, value in list(numbers.items())[:most])


class Lines:
    """Plain lines, one every few seconds, for logs and pipes."""

    def __init__(self, stage: str, every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic):
        self._stage, self._every, self._clock = stage, every_seconds, clock
        self._pace, self._said = Pace(clock), clock()

    def _say(self, text: str) -> None:
        print(f"{self._stage}: {text}", flush=True)

    def begin(self, steps: int, unit: str = "steps") -> None:
        self._pace.begin(steps, unit)
        self._say(f"{steps} {unit} to do")

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        self._pace.step = step
        if self._clock() - self._said >= self._every:
            self._said = self._clock()
            self._say(f"{self._pace.in_words()}  {few_numbers(numbers)}")

    def note(self, text: str) -> None:
        self._say(text)

    def fail(self, error: HallmarkError) -> None:
        print(error, file=sys.stderr, flush=True)

    def done(self, run_id: str, numbers: Mapping[str, float]) -> None:
        self._say(f"done  {few_numbers(numbers, 6)}".rstrip())


class Live(Lines):
    """One line of a terminal that is drawn again as the stage goes on."""

    def __init__(self, stage: str):
        from rich.live import Live as Display

        super().__init__(stage)
        self._display = Display("", refresh_per_second=4)

    def begin(self, steps: int, unit: str = "steps") -> None:
        self._pace.begin(steps, unit)
        self._display.start()

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        self._pace.step = step
        self._display.update(f"{self._stage}: {self._pace.in_words()}  {few_numbers(numbers)}")

    def fail(self, error: HallmarkError) -> None:
        self._display.stop()
        super().fail(error)

    def done(self, run_id: str, numbers: Mapping[str, float]) -> None:
        self._display.stop()
        super().done(run_id, numbers)
