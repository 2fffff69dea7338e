"""Edits, votes and margins: what annotators left beside two answers."""

import math

import pytest

from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row, checked_kind, kind_of

PAIR = {"prompt": "Why?", "chosen": "So.", "rejected": "No."}


def reason(raw: dict) -> str:
    with pytest.raises(RowRefused) as caught:
        canonical_row("preferences", raw, {}, 100)
    return str(caught.value)


def test_a_rewrite_is_preferred_to_what_it_rewrites():
    raw = {"prompt": "Why?", "original": "No.", "edited": "So.", "annotator": "anna"}
    assert kind_of(raw) == "edits"
    assert checked_kind("edits") == "preferences"
    assert canonical_row("edits", raw, {}, 100).row == PAIR | {"annotator": "anna"}


def test_columns_name_the_fields_of_an_edit():
    raw = {"q": "Why?", "draft": "No.", "final": "So."}
    columns = {"prompt": "q", "original": "draft", "edited": "final"}
    assert canonical_row("edits", raw, columns, 100).row == PAIR


def test_a_rewrite_that_changed_nothing_is_refused():
    with pytest.raises(RowRefused, match="chosen and rejected are identical"):
        canonical_row("edits", {"prompt": "Why?", "original": "So.", "edited": "So."}, {}, 100)


def test_votes_are_a_margin_of_log_odds():
    # ln((3 + 1/2) / (1 + 1/2)) = ln(7/3) = 0.847298; ln((2 + 1/2) / (0 + 1/2)) = ln 5 = 1.609438
    row, _, unknown = canonical_row("preferences", PAIR | {"votes_chosen": 3, "votes_rejected": 1}, {}, 100)
    assert (row["margin"], unknown) == (0.847298, frozenset())
    assert canonical_row("preferences", PAIR | {"votes_chosen": 2.0, "votes_rejected": 0}, {}, 100).row[
        "margin"] == pytest.approx(math.log(5), abs=1e-6)


def test_a_margin_that_is_given_stands_before_that_of_votes():
    raw = PAIR | {"votes_chosen": 3, "votes_rejected": 1, "margin": 2}
    assert canonical_row("preferences", raw, {}, 100).row["margin"] == 2.0


@pytest.mark.parametrize(("votes", "wanted"), [
    ((1, 3), "chosen has no more votes than rejected"), ((2, 2), "chosen has no more votes than rejected"),
    ((True, 0), "votes_chosen has the wrong type: a boolean, wanted a whole number"),
    ((3, "1"), "votes_rejected has the wrong type: a string, wanted a whole number"),
    ((2.5, 1), "votes_chosen has the wrong type: a number, wanted a whole number"),
    ((3, -1), "votes_rejected is negative"),
])
def test_votes_that_do_not_say_which_is_better_are_refused(votes, wanted):
    assert reason(PAIR | {"votes_chosen": votes[0], "votes_rejected": votes[1]}) == wanted


def test_without_votes_there_is_no_margin():
    assert "margin" not in canonical_row("preferences", PAIR | {"votes_chosen": None, "votes_rejected": 1}, {}, 9).row
