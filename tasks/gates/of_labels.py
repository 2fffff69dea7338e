"""Metrics of a reward model on held-out answers that were labelled good or bad, beside baselines without a model."""

from collections.abc import Hashable, Sequence

from tasks.contracts.evidence import Metric
from tasks.contracts.gate_config import difference_name
from tasks.gates.measures import Measures, several
from tasks.gates.ranking import area_of, area_under_curve, newcombe
from tasks.gates.resampling import Statistic

MODEL, LONGER, WORDS = "reward_model_auc", "longer_answer_auc", "tfidf_auc"
Labelled = tuple[str, bool]  # an answer, and whether it is good


def of_labels(measure: Measures, scores: Sequence[float], train: Sequence[Labelled], test: Sequence[Labelled],
              prompts: Sequence[Hashable]) -> list[Metric]:
    """The share of (good, bad) pairs of held-out answers that are ranked right, and its difference to the baselines.

    Args:
        scores: of the test answers.
        train, test: answers as text; train is what the reward model learned from.
        prompts: of each test answer; answers to one prompt are not independent. Where all are about one, or all labels
            are the same, there is no metric, so that a rule about one refuses.
    """
    good = [is_good for _, is_good in test]
    if not several(prompts) or len(set(good)) < 2:
        return []
    ranked: dict[str, Sequence[float]] = {MODEL: scores, LONGER: [float(len(text)) for text, _ in test]}
    if len({is_good for _, is_good in train}) == 2:
        ranked[WORDS] = word_scores(train, [text for text, _ in test])
    areas = {name: area_of(found, good) for name, found in ranked.items()}
    return [*(_area(measure, name, found, good, prompts) for name, found in ranked.items()),
            *(measure.statistic(difference_name(MODEL, other), _less(areas[MODEL], areas[other]), len(test), prompts)
              for other in areas if other != MODEL)]


def word_scores(train: Sequence[Labelled], answers: Sequence[str]) -> list[float]:
    """Return each answer's log odds of being good, by logistic regression on TF-IDF of its words and word pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(vectors.fit_transform([text for text, _ in train]), [is_good for _, is_good in train])
    scores: list[float] = model.decision_function(vectors.transform(answers)).tolist()
    return scores


def _area(measure: Measures, name: str, scores: Sequence[float], good: Sequence[bool],
          prompts: Sequence[Hashable]) -> Metric:
    """Newcombe's interval where every answer has a prompt of its own, else one that draws whole prompts."""
    if len(set(prompts)) < len(prompts):
        return measure.statistic(name, area_of(scores, good), len(scores), prompts)
    found = newcombe(area_under_curve(scores, good), sum(good), len(good) - sum(good), measure.config.confidence)
    return measure.estimated(name, found, len(scores))


def _less(one: Statistic, other: Statistic) -> Statistic:
    return lambda rows: one(rows) - other(rows)
