"""The timeline as shapes: who was champion as a band, below it a lane for each kind of event.

Marks that would lie on one another are one mark with their number, so that years fit on a page. Kinds differ in
shape as well as in colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.lineage.reigns import Reign
from flows.timeline.axis import Axis, Tick, silences
from flows.timeline.events import LANES, Event

WIDTH, LEFT, RIGHT = 1080, 104, 1066  # pixels; names of lanes stand left of LEFT
TOP, BAND, LANE, BELOW = 10, 30, 26, 28
BUCKET = 20.0  # marks nearer than this become one
LETTER = 7.5  # width of a letter of a band's label
AFTER = 0.06  # of the whole time is shown behind the last event; a ledger at rest would shrink to a corner otherwise
OUTLINES = {  # lane -> corners of its marks, around a point; every other lane's are round
    "refusal": [(-.7, -.7), (.7, -.7), (.7, .7), (-.7, .7)],
    "signature": [(-1., -.65), (1., -.65), (1., .65), (-1., .65)],
    "promotion": [(0., -1.), (1., .8), (-1., .8)],
    "override": [(0., -1.1), (1.1, 0.), (0., 1.1), (-1.1, 0.)],
    "rollback": [(0., 1.), (1., -.8), (-1., -.8)],
    "erasure": [(-.8, -.8), (.8, -.8), (.4, .9), (-.4, .9)],
    "proof": [(-.5, -.9), (.5, -.9), (1., 0.), (.5, .9), (-.5, .9), (-1., 0.)],
    "key": [(0., -1.), (.9, -.3), (.6, .8), (-.6, .8), (-.9, -.3)]}


@dataclass(frozen=True)
class Band:
    """A time as champion."""

    version: int
    left: float
    width: float
    label: str  # empty where there is no room
    title: str
    override: bool
    odd: bool


@dataclass(frozen=True)
class Mark:
    """One event, or several that lie at the same place."""

    lane: str
    x: float
    y: float
    count: int
    target: int  # entry to which a click leads: the last of them
    title: str
    shape: str  # path of SVG


@dataclass(frozen=True)
class Label:
    """A tick of the axis and its text, whose middle lies beside it where it would run over the picture's edge."""

    x: float
    middle: float
    text: str  # empty where it would lie on the one before


@dataclass(frozen=True)
class Picture:
    height: float
    bands: list[Band]
    lanes: Sequence[tuple[str, str, float, int]]  # lane, name, its height, number of events
    marks: list[Mark]
    ticks: list[Label]
    breaks: list[Tick]  # times without an event that are left out
    base: float  # height of the axis


def draw(events: Sequence[Event], reigns: Sequence[Reign], now: datetime) -> Picture:
    """The picture of all events, of which there is one at least.

    The present champion's band goes to the right edge. A lane without an event is there too, since that is an answer.
    """
    moments = sorted(one.time for one in events)
    gaps = silences(moments)
    drawn = Axis(moments[0], moments[-1], 0, 0, gaps).seconds
    end = max(moments[-1], min(now, moments[-1] + timedelta(seconds=AFTER * drawn)))
    axis = Axis(moments[0], end, LEFT + 10, RIGHT - 10, gaps)
    heights = {lane: TOP + BAND + 14 + number * LANE for number, lane in enumerate(LANES)}
    base = TOP + BAND + len(LANES) * LANE + 8
    marks = [mark for lane, y in heights.items()
             for mark in _marks([one for one in events if one.lane == lane], lane, y, axis)]
    numbers = {lane: sum(one.lane == lane for one in events) for lane in LANES}
    lanes = [(lane, LANES[lane], y, numbers[lane]) for lane, y in heights.items()]
    return Picture(base + BELOW, _bands(reigns, axis), lanes, marks, labels(axis.ticks()), axis.breaks(), base)


def labels(ticks: Sequence[Tick]) -> list[Label]:
    """The texts below the axis, whole and beside one another. The ticks come in their order."""
    found, free = [], 0.0
    for one in ticks:
        half = len(one.text) * LETTER / 2
        middle = min(max(one.x, half), WIDTH - half)
        shown = middle - half >= free
        found.append(Label(one.x, middle, one.text if shown else ""))
        free = middle + half if shown else free
    return found


def _bands(reigns: Sequence[Reign], axis: Axis) -> list[Band]:
    found = []
    for number, one in enumerate(reigns):
        left = axis.x(datetime.fromisoformat(one.since))
        right = axis.x(datetime.fromisoformat(one.until)) if one.until else axis.right
        width, label = max(round(right - left, 1), 1.0), f"version {one.version}"
        short = str(one.version)
        shown = next((text for text in (label, short) if len(text) * LETTER + 8 <= width), "")
        found.append(Band(one.version, left, width, shown, _in_words(one), bool(one.override), bool(number % 2)))
    return found


def _in_words(one: Reign) -> str:
    since, until = (text[:16].replace("T", " ") for text in (one.since, one.until or "now"))
    why = f", over the gate: {one.override}" if one.override else ""
    why += f", by a rollback: {one.rollback}" if one.rollback else ""
    return f"version {one.version} was champion from {since} to {until}{why}"


def _marks(events: Sequence[Event], lane: str, y: float, axis: Axis) -> list[Mark]:
    buckets: list[list[Event]] = []
    for one in events:
        if buckets and axis.x(one.time) - axis.x(buckets[-1][0].time) < BUCKET:
            buckets[-1].append(one)
        else:
            buckets.append([one])
    return [_mark(bucket, lane, y, axis) for bucket in buckets]


def _mark(bucket: Sequence[Event], lane: str, y: float, axis: Axis) -> Mark:
    last, count = bucket[-1], len(bucket)
    x = round(sum(axis.x(one.time) for one in bucket) / count, 1)
    said = [f"{one.time:%Y-%m-%d %H:%M} {one.what}" + (f", version {one.version}" if one.version else "")
            for one in bucket[-8:]]
    more = [f"and {count - 8} before"] if count > 8 else []
    return Mark(lane, x, y, count, last.entry, "\n".join(said + more), shape(lane, x, y, 8.5 if count > 1 else 6.0))


def shape(lane: str, x: float, y: float, size: float) -> str:
    """The outline of a lane's marks around a point."""
    corners = OUTLINES.get(lane)
    if corners is None:
        return f"M{x - size:g} {y:g}a{size:g} {size:g} 0 1 0 {2 * size:g} 0a{size:g} {size:g} 0 1 0 {-2 * size:g} 0z"
    return "M" + "L".join(f"{x + dx * size:g} {y + dy * size:g}" for dx, dy in corners) + "z"
