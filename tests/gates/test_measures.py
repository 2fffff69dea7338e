import pytest

from tasks.contracts.gate_config import EvaluateConfig
from tasks.gates.baselines import longer_wins, word_baseline
from tasks.gates.measures import GROUP, Measures, distinct_2, win_points
from tasks.gates.statistics import bootstrap_ratio

DIGEST = "0" * 64
MEASURE = Measures(DIGEST, EvaluateConfig(resamples=200), seed=1)


def test_a_win_counts_one_a_tie_half_and_a_loss_nothing():
    assert win_points([2.0, 1.0, 0.0], [1.0, 1.0, 1.0]) == [1.0, 0.5, 0.0]


def test_scores_of_other_prompts_cannot_be_compared():
    with pytest.raises(ValueError, match="zip"):
        win_points([1.0], [1.0, 2.0])


def test_distinct_2_is_the_share_of_different_word_pairs_in_each_whole_group():
    alike = ["check the tray"] * GROUP  # 2 word pairs an answer, 2 different ones in all
    unlike = [f"a{i} b{i}" for i in range(GROUP)]  # 1 word pair an answer, all different
    assert distinct_2([*alike, *unlike, "left over"]) == [2 / (2 * GROUP), 1.0]


def test_fewer_answers_than_a_group_say_nothing():
    assert distinct_2(["check the tray"] * (GROUP - 1)) == []


def test_the_longer_answer_wins_by_its_characters():
    assert longer_wins([("abc", "ab"), ("ab", "abc"), ("ab", "cd")]) == [1.0, 0.0, 0.5]


def test_the_word_baseline_learns_the_word_that_decides():
    train = [("good answer", "bad answer"), ("good reply", "bad reply")] * 5
    assert word_baseline(train, [("good words", "bad words"), ("bad words", "good words")]) == [1.0, 0.0]


def test_a_rate_has_wilsons_interval_and_says_what_it_was_measured_on():
    # 8 of 10: (0.8 + 1.92/10 ± …) / (1 + 3.84/10), see tests of the interval itself
    metric = MEASURE.rate("accuracy", [1.0] * 8 + [0.0] * 2)
    assert (metric.name, metric.value, metric.samples, metric.measured_on) == ("accuracy", 0.8, 10, DIGEST)
    assert metric.low == pytest.approx(0.4902, abs=1e-4)
    assert metric.high == pytest.approx(0.9433, abs=1e-4)


def test_a_mean_lies_in_its_interval():
    metric = MEASURE.mean("score", [0.0, 1.0, 2.0, 3.0])
    assert metric.value == 1.5
    assert metric.low < 1.5 < metric.high


def test_a_ratio_is_of_the_sums_not_the_mean_of_ratios():
    # (4 + 1) / (1 + 4) = 1; the mean of 4/1 and 1/4 would be 2.125
    assert MEASURE.ratio("length", [4.0, 1.0], [1.0, 4.0]).value == 1.0


def test_a_ratio_of_equal_numbers_has_no_spread():
    assert bootstrap_ratio([1.0, 2.0, 5.0], [1.0, 2.0, 5.0], 200, 0.95, 3) == (1.0, 1.0, 1.0)


def test_a_ratio_to_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        bootstrap_ratio([1.0, 2.0], [1.0, 0.0], 200, 0.95, 3)
