"""The texts below the timeline: each whole inside of the picture, none on another."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.timeline.axis import Axis, Tick
from flows.timeline.picture import LEFT, LETTER, RIGHT, WIDTH, Label, labels

START = datetime(2026, 1, 5, 3, tzinfo=UTC)


def ends(label: Label) -> tuple[float, float]:
    return label.middle - len(label.text) * LETTER / 2, label.middle + len(label.text) * LETTER / 2


def test_a_text_at_the_right_edge_is_moved_inwards_and_its_line_stays() -> None:
    # 8 letters of 7.5 px are 60 px: centred at 1056 they would end at 1086, 6 px outside of 1080
    assert labels([Tick(1056.0, "03:00:00")]) == [Label(1056.0, 1050.0, "03:00:00")]
    assert labels([Tick(900.0, "03:00:00")]) == [Label(900.0, 900.0, "03:00:00")], "the twin: there is room"


def test_a_text_that_would_lie_on_the_one_before_is_left_out() -> None:
    # "Jan 2026" at 200 ends at 230; at 259 it would begin at 229, at 260 at 230
    assert [one.text for one in labels([Tick(200.0, "Jan 2026"), Tick(259.0, "Feb 2026")])] == ["Jan 2026", ""]
    assert [one.text for one in labels([Tick(200.0, "Jan 2026"), Tick(260.0, "Feb 2026")])] == ["Jan 2026", "Feb 2026"]


@pytest.mark.parametrize("hours", [0.001, 0.01, 0.5, 3, 20, 24 * 8, 24 * 40, 24 * 400, 24 * 4000])
def test_whatever_time_is_drawn_no_text_is_clipped(hours: float) -> None:
    gap = (START + timedelta(hours=hours / 4), START + timedelta(hours=hours / 2))
    for gaps in ((), (gap,)):
        found = labels(Axis(START, START + timedelta(hours=hours), LEFT + 10, RIGHT - 10, gaps).ticks())
        told = [ends(one) for one in found if one.text]
        assert told
        assert all(left >= 0 and right <= WIDTH for left, right in told)
        assert all(before[1] <= after[0] for before, after in zip(told, told[1:], strict=False))
