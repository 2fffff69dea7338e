"""A data version whose rows are spread otherwise than those before it is told, in the run's report too."""

from pathlib import Path

import pytest

from flows.data import shift as data_shift
from flows.data import versions as data_versions
from flows.desk import Desk
from flows.report.curves import of_shift
from tests.data.rows_on_disk import demonstrations, write_rows
from tests.flows.hands import desk
from tests.flows.laid_data import dvc_add, lay_data


@pytest.fixture
def clerk(workspace: Path) -> Desk:
    """Somebody at a workspace with two sources under DVC: 20 comparisons and 30 demonstrations."""
    lay_data(workspace)
    return desk(workspace)


def next_version(clerk: Desk, rows: list) -> data_versions.DataVersion:
    write_rows(clerk.root / "data/sft.jsonl", rows)
    dvc_add(clerk.root)
    found = data_versions.record(clerk, "added")
    assert found is not None
    return found


def test_longer_answers_are_told_and_more_of_the_same_are_not(clerk: Desk) -> None:
    first = next_version(clerk, demonstrations(60))
    second = next_version(clerk, demonstrations(70))
    third = next_version(clerk, [row | {"response": row["response"] * 9} for row in demonstrations(60)])

    assert data_shift.warnings_of(clerk, first, 0.1) == []
    assert data_shift.warnings_of(clerk, second, 0.1) == []
    warnings = data_shift.warnings_of(clerk, third, 0.1)
    assert len(warnings) == 1
    assert warnings[0].startswith("data version 3 beside 2: demonstrations: length of response has shifted: 1.00 bits")


def test_a_version_of_which_no_row_trains_is_not_what_the_next_is_held_against(clerk: Desk) -> None:
    next_version(clerk, demonstrations(60))
    (clerk.root / "data/pairs.jsonl").write_text("{}\n")
    refused = next_version(clerk, demonstrations(3))
    third = next_version(clerk, demonstrations(61))

    known = data_versions.data_versions(clerk.ledger.entries_of([data_versions.KIND]))
    assert refused.accepted == 0
    found = data_shift.since_accepted(clerk.home, known, third)
    assert found is not None
    assert (found.before, found.after) == (1, 3)
    assert data_shift.since_accepted(clerk.home, known, refused) is None


def test_the_report_draws_both_spreads_of_lengths(clerk: Desk) -> None:
    next_version(clerk, demonstrations(60))
    second = next_version(clerk, [row | {"response": row["response"] * 9} for row in demonstrations(60)])
    known = data_versions.data_versions(clerk.ledger.entries_of([data_versions.KIND]))
    found = data_shift.since_accepted(clerk.home, known, second)
    assert found is not None

    charts = of_shift(found.report(0.1))

    titles = [chart.title for chart in charts]
    assert "demonstrations: length of response" in titles
    drawn = charts[titles.index("demonstrations: length of response")]
    assert list(drawn.curves) == ["data version 1", "data version 2"]
    assert sum(drawn.curves["data version 1"].values) == pytest.approx(1.0)
    assert of_shift(None) == []
    assert of_shift({"spreads": [{"kind": "a", "of": "length of b", "before": {"x": 1}, "after": {}}]}) == []
