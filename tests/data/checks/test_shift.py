"""How far two spreads are apart, worked by hand, and when that is worth a word."""

import pytest

from tasks.data.checks.distributions import distributions, half_octave
from tasks.data.checks.shift import divergence, p_same, shifts, told
from tests.data.rows_on_disk import preferences, write_rows


@pytest.mark.parametrize(("before", "after", "bits"), [
    ({"a": 3, "b": 5}, {"a": 6, "b": 10}, 0.0),
    ({"a": 4}, {"b": 9}, 1.0),
    # halves (3/4, 1/4): [1/2 log2(2/3) + 1/2 log2(2)] / 2 + log2(4/3) / 2 = 0.10376 + 0.20752
    ({"a": 5, "b": 5}, {"a": 7}, 0.31128),
])
def test_the_divergence_is_that_of_the_formula(before, after, bits):
    assert divergence(before, after) == pytest.approx(bits, abs=1e-5)
    assert divergence(after, before) == pytest.approx(bits, abs=1e-5)


def test_few_rows_that_differ_may_be_chance_and_many_are_none():
    # 2 x 2 table with 600, 400 and 400, 600: chi2 = 2000 (|600 600 - 400 400| - 1000)^2 / 1000^4 = 79.2
    assert p_same({"a": 600, "b": 400}, {"a": 400, "b": 600}) < 1e-15
    assert p_same({"a": 6, "b": 4}, {"a": 4, "b": 6}) > 0.5
    assert p_same({"a": 6}, {"a": 4}) == 1.0


@pytest.mark.parametrize(("length", "place"), [
    (0, 0), (1, 0), (2, 2), (3, 3), (4, 4), (5, 4), (6, 5), (8, 6), (90, 12)])
def test_a_half_octave_holds_lengths_of_a_factor_of_the_root_of_two(length, place):
    assert half_octave(length) == place


def spread(tmp_path, rows: list) -> dict:
    path = write_rows(tmp_path / "rows.jsonl", [row | {"split": "train"} for row in rows])
    return distributions({"preferences": path})


def test_rows_of_one_kind_do_not_shift_and_longer_answers_other_topics_and_scripts_do(tmp_path):
    rows = [row | {"topic": "mending"} for row in preferences(200)]
    before, same = spread(tmp_path, rows[:100]), spread(tmp_path, rows[100:])
    other = spread(tmp_path, [row | {"chosen": row["chosen"] * 6, "topic": "sailing", "prompt": "如何修理" + row["id"]}
                              for row in rows[100:]])
    assert told(shifts(before, same), 0.1) == []
    found = told(shifts(before, other), 0.1)
    assert [said.split(" has")[0] for said in sorted(found)] == [
        "preferences: length of chosen", "preferences: length of chosen to rejected", "preferences: length of prompt",
        "preferences: topics"]
    assert told(shifts(before, other), 1.0) == []


def test_sheets_of_an_earlier_release_are_compared_by_what_they_have(tmp_path):
    new = spread(tmp_path, preferences(40))
    old = {"preferences": {name: said for name, said in new["preferences"].items()
                           if name in ("rows", "splits", "characters", "labels")}}
    assert shifts(old, new) == []
    assert shifts({}, new) == []


def test_a_topic_that_may_be_data_is_not_named(tmp_path):
    topics = ["mending", "call 555-010-0199", "jane@example.org"]
    rows = [row | {"topic": topics[place % 3]} for place, row in enumerate(preferences(30))]
    assert spread(tmp_path, rows)["preferences"]["topics"] == {"mending": 10, "(others)": 20}
