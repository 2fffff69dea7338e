"""The axis of time: where a moment lies on the page, and the ticks that are written below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS = (  # seconds between two ticks, and how a tick is written; the first that gives few enough is taken
    *((seconds, "%H:%M:%S") for seconds in (1, 5, 15, 30)),
    *((minutes * 60, "%H:%M") for minutes in (1, 5, 15, 60, 180, 360)),
    *((days * 86400, "%d %b") for days in (1, 2, 7, 14)))
MONTHS = (1, 3, 6, 12, 60, 240)  # between two ticks, where the steps above give too many
TICKS_AT_MOST = 9
MONTH_SECONDS = 30.4 * 86400


@dataclass(frozen=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From a moment to a place: `first` lies at `left`, `last` at `right`."""

    first: datetime
    last: datetime
    left: float
    right: float

    @property
    def seconds(self) -> float:
        return (self.last - self.first).total_seconds()

    def x(self, moment: datetime) -> float:
        """Where a moment lies; in the middle where all is one moment."""
        share = (moment - self.first).total_seconds() / self.seconds if self.seconds else 0.5
        return round(self.left + min(max(share, 0.0), 1.0) * (self.right - self.left), 1)

    def ticks(self) -> list[Tick]:
        """Round moments, about TICKS_AT_MOST of them at most."""
        for seconds, written in STEPS:
            if self.seconds / seconds < TICKS_AT_MOST:
                return [Tick(self.x(at), at.strftime(written)) for at in self._every(timedelta(seconds=seconds))]
        months = next((one for one in MONTHS if self.seconds / (one * MONTH_SECONDS) < TICKS_AT_MOST), MONTHS[-1])
        return [Tick(self.x(at), at.strftime("%b %Y")) for at in self._firsts(months)]

    def _every(self, step: timedelta) -> Iterator[datetime]:
        year = self._year()
        at = year - (year - self.first) // step * step
        while at <= self.last:
            yield at
            at += step

    def _firsts(self, months: int) -> Iterator[datetime]:
        """The first days of every so many months, counted from a January."""
        at = self._year()
        while at <= self.last:
            if at >= self.first:
                yield at
            at = at.replace(year=at.year + (at.month - 1 + months) // 12, month=(at.month - 1 + months) % 12 + 1)

    def _year(self) -> datetime:
        return self.first.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
