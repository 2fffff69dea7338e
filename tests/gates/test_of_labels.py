"""The area under the ROC curve by counting pairs, its interval, and rules that ask it where nothing was compared."""

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.evidence import Evidence, Expected, Metric
from tasks.contracts.gate_config import EvaluateConfig, Rule
from tasks.gates.decide import decide
from tasks.gates.measures import Measures
from tasks.gates.of_labels import of_labels
from tasks.gates.ranking import area_of, area_under_curve, newcombe

GROUND = "a1" * 32
MEASURE = Measures(GROUND, EvaluateConfig(resamples=100), seed=1)
TRAIN = [("a good reply", True), ("a bad reply", False)] * 5
TEST = [("a good word", True), ("bad words", False), ("one good text", True), ("a bad one and longer", False)] * 10


def measured(scores, prompts, test=TEST, train=TRAIN) -> dict[str, Metric]:
    return {metric.name: metric for metric in of_labels(MEASURE, scores, train, test, prompts)}


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows):
    scores, good = [float(score) for score, _ in rows], [label for _, label in rows]
    pairs = list(product([s for s, g in zip(scores, good, strict=True) if g],
                         [s for s, g in zip(scores, good, strict=True) if not g]))
    if not pairs:
        with pytest.raises(ValueError, match="an area needs good and bad answers"):
            area_under_curve(scores, good)
        return
    right = sum(1.0 if one > other else 0.5 if one == other else 0.0 for one, other in pairs)
    assert area_under_curve(scores, good) == pytest.approx(right / len(pairs), abs=1e-12)


def test_a_draw_without_a_bad_answer_says_nothing():
    assert area_of([1.0, 0.0], [True, False])(np.array([0, 0])) == 0.5


# V(A) = A (1 - A) (1 + N (1 - A) / (2 - A) + N A / (1 + A)) / (m n), N = (m + n) / 2 - 1, z = 1.959964
@pytest.mark.parametrize(("area", "good", "bad"), [(0.5, 10, 10), (0.9, 30, 12), (1.0, 10, 10), (0.0, 4, 9)])
def test_the_ends_are_z_deviations_from_the_area(area, good, bad):
    value, low, high = newcombe(area, good, bad, 0.95)
    assert (value, 0 <= low <= area <= high <= 1) == (area, True)
    assert low < area or area == 0
    assert high > area or area == 1
    half = (good + bad) / 2 - 1
    for end in (low, high):
        if end != area:
            variance = end * (1 - end) * (1 + half * (1 - end) / (2 - end) + half * end / (1 + end)) / (good * bad)
            assert abs(end - area) == pytest.approx(1.959964 * variance**0.5, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # good ~ N(1.5, 1), bad ~ N(0, 1): the true area is Phi(1.5 / sqrt(2)) = 0.855578
    source, held = random.Random(7), 0
    for _ in range(400):
        scores = [source.gauss(1.5, 1) for _ in range(25)] + [source.gauss(0, 1) for _ in range(10)]
        _, low, high = newcombe(area_under_curve(scores, [True] * 25 + [False] * 10), 25, 10, 0.95)
        held += low <= 0.855578 <= high
    assert 0.92 <= held / 400 <= 0.985


@pytest.mark.parametrize("arguments", [(0.5, 0, 3, 0.95), (0.5, 3, 0, 0.95), (1.5, 3, 3, 0.95), (0.5, 3, 3, 1.0)])
def test_what_can_be_no_area_has_no_interval(arguments):
    with pytest.raises(ValueError, match="no interval around"):
        newcombe(*arguments)


def test_the_model_stands_beside_length_and_words_on_the_same_answers():
    # scores: good 2 and 1, bad 1.5 and 0: of the four kinds of pairs three are in the right order
    found = measured([2.0, 1.5, 1.0, 0.0] * 10, list(range(40)))
    assert found["reward_model_auc"].value == 0.75
    assert found["tfidf_auc"].value == 1.0  # "good" and "bad" say it all
    # lengths: good 11 and 13, bad 9 and 20: two of four
    assert found["longer_answer_auc"].value == 0.5
    assert found["reward_model_auc_minus_tfidf_auc"].value == pytest.approx(-0.25)
    assert found["reward_model_auc_minus_longer_answer_auc"].value == pytest.approx(0.25)
    assert {metric.samples for metric in found.values()} == {40}
    assert found["reward_model_auc"].low == newcombe(0.75, 20, 20, 0.95)[1]


def test_answers_to_few_prompts_are_as_many_samples_as_prompts():
    found = measured([2.0, 1.5, 1.0, 0.0] * 10, ["a", "b"] * 20)
    assert {metric.samples for metric in found.values()} == {2}


def test_without_both_labels_or_two_prompts_there_is_no_metric():
    assert measured([1.0] * 40, ["a"] * 40) == {}
    assert measured([1.0] * 40, list(range(40)), test=[("text", True)] * 40) == {}
    assert "tfidf_auc" not in measured([1.0] * 40, list(range(40)), train=[("text", True)] * 4)


RULES = [Rule(metric="reward_model_accuracy", at_least=0.6, use="low"),
         Rule(metric="reward_model_accuracy", better_than="longer_answer_accuracy"),
         Rule(metric="reward_model_accuracy", better_than="tfidf_accuracy", margin=0.05)]


def metric(name: str, value: float, width: float = 0.01) -> Metric:
    return Metric(name=name, value=value, low=value - width, high=value + width, samples=40, measured_on=GROUND)


def evidence(*metrics: Metric) -> Evidence:
    return Evidence(candidate="5e" * 32, confidence=0.95, metrics=metrics)


LABELLED = (metric("reward_model_auc", 0.75), metric("longer_answer_auc", 0.5), metric("tfidf_auc", 0.75),
            metric("reward_model_auc_minus_longer_answer_auc", 0.25), metric("reward_model_auc_minus_tfidf_auc", 0.0))


def test_rules_about_comparisons_ask_labels_where_nothing_was_compared():
    decision = decide(evidence(*LABELLED), RULES, False)
    assert decision.verdict == "promote"
    assert [finding.metric for finding in decision.findings] == [
        "reward_model_auc", "reward_model_auc_minus_longer_answer_auc", "reward_model_auc_minus_tfidf_auc"]
    assert decide(evidence(metric("reward_model_auc", 0.6), *LABELLED[1:]), RULES, False).verdict == "refuse"


@pytest.mark.parametrize("dropped", range(5))
def test_a_missing_number_about_labels_refuses(dropped):
    left = [one for place, one in enumerate(LABELLED) if place != dropped]
    assert decide(evidence(*left), RULES, False).verdict == "refuse"


def test_one_number_about_comparisons_is_enough_for_labels_not_to_stand_in():
    decision = decide(evidence(*LABELLED, metric("tfidf_accuracy", 0.7)), RULES[:1], False)
    assert (decision.verdict, decision.findings[0].reason) == ("refuse", "the evidence has no reward_model_accuracy")


def test_where_answers_were_compared_the_comparisons_decide():
    both = evidence(*LABELLED, metric("reward_model_accuracy", 0.5))
    assert [finding.metric for finding in decide(both, RULES[:1], False).findings] == ["reward_model_accuracy"]
    assert decide(both, RULES[:1], False).verdict == "refuse"


def test_other_labels_than_those_that_lie_there_are_stale():
    expected = Expected(candidate="5e" * 32, measured_on={one.name: "b2" * 32 for one in LABELLED})
    decision = decide(evidence(*LABELLED), RULES, False, expected=expected)
    assert decision.verdict == "refuse"
    assert "reward_model_auc is stale" in decision.findings[0].reason
