"""What a reward model must beat to be worth something: rules that need no model."""

from collections.abc import Sequence
from typing import Any

from tasks.gates.measures import win_points

Pair = tuple[str, str]  # chosen, rejected


def longer_wins(pairs: Sequence[Pair]) -> list[float]:
    """Return, for each pair, 1 where the chosen answer has more characters, 0.5 where as many, 0 elsewhere."""
    return win_points([len(chosen) for chosen, _ in pairs], [len(rejected) for _, rejected in pairs])


def word_baseline(train: Sequence[Pair], test: Sequence[Pair]) -> list[float]:
    """Return, for each test pair, 1 where TF-IDF with logistic regression on the difference ranks it right, else 0."""
    return win_points(word_margins(train, test), [0.0] * len(test))


def word_margins(train: Sequence[Pair], test: Sequence[Pair]) -> list[float]:
    """Return, for each test pair, the log odds that chosen is the better one, by TF-IDF with logistic regression.

    Words and word pairs; each training pair is seen in both directions, so that there is no intercept.
    """
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    vectors.fit([text for pair in train for text in pair])
    differences = _differences(vectors, train)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit(vstack([differences, -differences]), [1] * len(train) + [0] * len(train))
    margins: list[float] = model.decision_function(_differences(vectors, test)).tolist()
    return margins


def _differences(vectors: Any, pairs: Sequence[Pair]) -> Any:
    return vectors.transform([chosen for chosen, _ in pairs]) - vectors.transform([rejected for _, rejected in pairs])
