"""The sink through which a stage says how far it is. Rooms that learn know this and nothing behind it."""

from collections.abc import Mapping
from typing import Protocol


class Sink(Protocol):
    """Where a loop reports to. `tasks/stage.py` connects it to MLflow and to the progress line."""

    def begin(self, steps: int, unit: str = "steps") -> None:
        """Announce how many steps will come; `unit` is the plural noun of the progress line."""

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """Report the numbers of one finished step; steps count from 1."""

    def note(self, text: str) -> None:
        """Say one sentence to whoever watches. Never data of a row."""


class Silent:
    """A sink that swallows everything, for use in programs that do not watch."""

    def begin(self, steps: int, unit: str = "steps") -> None:
        pass

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        pass

    def note(self, text: str) -> None:
        pass
