"""The axis of time: where a moment lies on the page, the ticks that are written below it, and times that are left out.

A time in which nothing happened, far longer than every other, is drawn as a short break. Else a year of silence would
press all that happened into a corner.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

STEPS = (  # seconds between two ticks, and how a tick is written; the first that gives few enough is taken
    *((seconds, "%H:%M:%S") for seconds in (1, 5, 15, 30)),
    *((minutes * 60, "%H:%M") for minutes in (1, 5, 15, 60, 180, 360)),
    *((days * 86400, "%d %b") for days in (1, 2, 7, 14)))
MONTHS = (1, 3, 6, 12, 60, 240)  # between two ticks, where the steps above give too many
TICKS_AT_MOST = 9
MONTH_SECONDS = 30.4 * 86400
BREAKS_AT_MOST, LONGER = 3, 4  # a break is so many times as long as every time that is drawn
BREAK = 44.0  # its width in pixels

Gap = tuple[datetime, datetime]


@dataclass(frozen=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From a moment to a place: `first` lies at `left`, `last` at `right`, each of `gaps` takes BREAK pixels."""

    first: datetime
    last: datetime
    left: float
    right: float
    gaps: tuple[Gap, ...] = field(default=())  # in their order, inside of first and last

    @property
    def seconds(self) -> float:
        """Of the time that is drawn."""
        return (self.last - self.first).total_seconds() - sum(_seconds(gap) for gap in self.gaps)

    def x(self, moment: datetime) -> float:
        """Where a moment lies; in the middle where all is one moment."""
        moment = min(max(moment, self.first), self.last)
        left_out = [(min(moment, end) - start).total_seconds() for start, end in self.gaps if start < moment]
        drawn = (moment - self.first).total_seconds() - sum(left_out)
        width = self.right - self.left - BREAK * len(self.gaps)
        breaks = sum(passed / _seconds(gap) for passed, gap in zip(left_out, self.gaps, strict=False)) * BREAK
        return round(self.left + breaks + (drawn / self.seconds if self.seconds else 0.5) * width, 1)

    def ticks(self) -> list[Tick]:
        """Round moments, about TICKS_AT_MOST of them at most, none in what is left out."""
        for seconds, written in STEPS:
            if self.seconds / seconds < TICKS_AT_MOST:
                return self._written(self._every(timedelta(seconds=seconds)), written)
        months = next((one for one in MONTHS if self.seconds / (one * MONTH_SECONDS) < TICKS_AT_MOST), MONTHS[-1])
        return self._written(self._firsts(months), "%b %Y")

    def breaks(self) -> list[Tick]:
        """The middle of each time that is left out, and how long it is."""
        return [Tick(round((self.x(start) + self.x(end)) / 2, 1), _long(end - start)) for start, end in self.gaps]

    def _written(self, moments: Iterable[datetime], written: str) -> list[Tick]:
        return [Tick(self.x(at), at.strftime(written)) for at in moments
                if not any(start < at < end for start, end in self.gaps)]

    def _every(self, step: timedelta) -> Iterator[datetime]:
        for start, end in pairwise([self.first, *(moment for gap in self.gaps for moment in gap), self.last]):
            if (start, end) in self.gaps:
                continue
            at = _year(start) - (_year(start) - start) // step * step
            while at <= end:
                yield at
                at += step

    def _firsts(self, months: int) -> Iterator[datetime]:
        """The first days of every so many months, counted from a January."""
        at = _year(self.first)
        while at <= self.last:
            if at >= self.first:
                yield at
            at = at.replace(year=at.year + (at.month - 1 + months) // 12, month=(at.month - 1 + months) % 12 + 1)


def silences(moments: Iterable[datetime]) -> tuple[Gap, ...]:
    """Times between moments, at most BREAKS_AT_MOST, each LONGER times as long as every other time between them."""
    gaps = sorted(pairwise(sorted(moments)), key=_seconds, reverse=True)
    for count in range(min(BREAKS_AT_MOST, len(gaps) - 1), 0, -1):
        longest_drawn = _seconds(gaps[count])
        if longest_drawn and _seconds(gaps[count - 1]) > LONGER * longest_drawn:
            return tuple(sorted(gaps[:count]))
    return ()


def _seconds(gap: Gap) -> float:
    return (gap[1] - gap[0]).total_seconds()


def _long(time: timedelta) -> str:
    for seconds, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if time.total_seconds() >= 2 * seconds:
            return f"{time.total_seconds() / seconds:,.0f} {unit}"
    return f"{time.total_seconds():.0f} s"


def _year(moment: datetime) -> datetime:
    return moment.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
