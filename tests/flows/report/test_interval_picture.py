"""Where a number lies against its bounds, worked by hand."""

from flows.report.rows import Bound, bounds_of, finding, interval_picture


def test_number_interval_and_bound_lie_in_percent_of_the_line() -> None:
    # levels 0.5 to 1.0, margin 0.15 * 0.5 = 0.075, so the line runs from 0.425 to 1.075 and is 0.65 long:
    # low 0.8 -> 0.375/0.65 = 57.7 %; found 0.9 -> 73.1 %; high 1.0 -> 88.5 %; bound 0.5 -> 11.5 %
    picture = interval_picture(0.8, 1.0, 0.9, [Bound(">=", 0.5)])

    assert picture == {"low": 57.7, "width": 30.8, "found": 73.1, "allowed": 11.5, "allowed_width": 88.5}


def test_an_upper_bound_allows_what_lies_left_of_it() -> None:
    # levels 4 to 10, margin 0.9, line from 3.1 to 10.9, 7.8 long: bound 10 -> 6.9/7.8 = 88.5 %
    picture = interval_picture(4.0, 6.0, 5.0, [Bound("<=", 10.0)])

    assert (picture["allowed"], picture["allowed_width"]) == (0.0, 88.5)


def test_all_numbers_equal_do_not_divide_by_zero() -> None:
    # margin 1, line from 0 to 2
    assert interval_picture(1.0, 1.0, 1.0, [Bound(">=", 1.0)])["found"] == 50.0


def test_bounds_are_read_from_the_rule_in_words() -> None:
    assert bounds_of("value <= 10") == [Bound("<=", 10.0)]
    assert bounds_of("0.5 <= value <= 1.6") == [Bound(">=", 0.5), Bound("<=", 1.6)]
    assert bounds_of("low >= -1e-05") == [Bound(">=", -0.00001)]
    assert bounds_of("high <= 1e+06") == [Bound("<=", 1e6)]
    assert bounds_of("nothing") == []


def test_the_ceiling_is_the_upper_bound_alone() -> None:
    assert finding({"metric": "kl_nats", "wanted": "0 <= value <= 10"})["ceiling"] == 10.0
    assert finding({"metric": "kl_nats", "wanted": "low >= 2"})["ceiling"] is None
