"""The page: state of the ledger, timeline, who was champion when, versions, and what happened month by month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from flows.lineage.refusals import Kept
from flows.lineage.reigns import reigns
from flows.lineage.versions import Told
from flows.timeline.events import LANES, Event, events
from flows.timeline.picture import LEFT, RIGHT, WIDTH, draw, shape
from flows.timeline.versions import table
from tasks.records.verification import Verification

TEMPLATE = Path(__file__).with_name("page.html.jinja")
RECENT_EVENTS, RECENT_VERSIONS = 60, 30  # told at once; what is older is folded


@dataclass(frozen=True)
class Month:
    """What happened in a month, folded."""

    name: str
    sums: str
    events: list[Event]


def page(
    entries: Sequence[Told], name: str, verified: Verification, head: str, trees: set[int], now: datetime,
    kept: Kept = lambda digest: None,
) -> str:
    """The page as text; the same arguments give the same text.

    Args:
        entries: all of the ledger.
        verified: what `verify` found; from the first broken entry on the page says that nothing can be trusted.
        head: hash of the last entry.
        trees: versions whose tree lies beside the page as version-N.html.
    """
    from jinja2 import Environment, StrictUndefined

    happened, stood = events(entries, name, kept), reigns(entries, name)
    newest, rows = happened[::-1], table(entries, name, stood)
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template.filters["moment"] = lambda when: f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name, now=now, verified=verified, broken=verified.broken, head=head, entries=len(entries), trees=trees,
        picture=draw(happened, stood, now) if happened else None, width=WIDTH, left=LEFT, right=RIGHT, lanes=LANES,
        shapes={lane: shape(lane, 0, 0, 8) for lane in LANES},
        stood=stood[::-1], recent=newest[:RECENT_EVENTS], months=months(newest[RECENT_EVENTS:]),
        versions=rows[:RECENT_VERSIONS], older=rows[RECENT_VERSIONS:])


def months(older: Sequence[Event]) -> list[Month]:
    """Events by month, newest first, with their number by kind."""
    found = []
    for _, group in groupby(older, key=lambda one: (one.time.year, one.time.month)):
        inside = list(group)
        sums = ", ".join(f"{number} {LANES[lane]}" for lane in LANES
                         if (number := sum(one.lane == lane for one in inside)))
        found.append(Month(f"{inside[0].time:%B %Y}", sums, inside))
    return found
