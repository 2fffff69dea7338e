"""A bag of tokens learns from comparisons; the weights are held against scikit-learn's, which get there another way."""

import random
from typing import Any

import pytest
import torch
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.contracts.errors import Refused
from tasks.models.sequences import join
from tasks.training.bag_fitting import fit_bag_of_tokens

Pairs = list[dict[str, Any]]


def pairs(count: int = 200) -> Pairs:
    """Comparisons of answers of 1 to 12 of twenty tokens; the answer with more of token 5 is mostly the chosen one."""
    draws = random.Random(3)
    found = []
    for _ in range(count):
        answers = [[draws.randrange(5, 25) for _ in range(draws.randrange(1, 13))] for _ in range(2)]
        answers.sort(key=lambda answer: answer.count(5) + draws.gauss(0, 0.5))
        found.append({"prompt": [1, 4], "rejected": answers[0], "chosen": answers[1]})
    return found


def margins(rows: Pairs, asked: Pairs) -> torch.Tensor:
    bag = fit_bag_of_tokens(rows, pad=0)
    chosen, rejected = (bag(join([row["prompt"] for row in asked], [row[name] for row in asked], pad=0))
                        for name in ("chosen", "rejected"))
    return chosen - rejected


def test_the_token_that_decides_is_learned():
    one = {"prompt": [1], "chosen": [9, 5, 6], "rejected": [9, 8, 6]}
    other = {"prompt": [1], "chosen": one["rejected"], "rejected": one["chosen"]}

    assert margins(pairs(), [one]).item() > 1
    assert margins(pairs(), [other]).item() < -1


def test_the_weights_are_those_of_scikit_learn_on_the_same_terms():
    rows, asked = pairs(), pairs(260)[200:]
    texts = {name: [" ".join(map(str, row[name])) for row in rows + asked] for name in ("chosen", "rejected")}
    vectors = TfidfVectorizer(token_pattern=r"\d+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    vectors.fit([text for name in texts for text in texts[name][:200]])
    lengths = csr_matrix(
        [[torch.tensor((1 + len(row["chosen"])) / (1 + len(row["rejected"]))).log().item()] for row in rows + asked])
    every = hstack([vectors.transform(texts["chosen"]) - vectors.transform(texts["rejected"]), lengths]).tocsr()
    known = every[:200]
    model = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-9, max_iter=5000)
    model.fit(vstack([known, -known]), [1] * 200 + [0] * 200)

    assert margins(rows, asked).tolist() == pytest.approx(model.decision_function(every[200:]).tolist(), abs=1e-4)


def test_a_pair_that_is_to_be_far_apart_moves_the_weights_more():
    rows = pairs(50)

    near, far = (margins([{**row, "margin": margin} for row in rows], rows).mean() for margin in (0.0, 1.0))

    assert far > near + 0.1


def test_the_same_rows_give_the_same_weights():
    assert torch.equal(margins(pairs(), pairs()), margins(pairs(), pairs()))


@pytest.mark.parametrize(
    ("rows", "found"),
    [([], "no comparison"),
     ([{"prompt": [1], "chosen": [5], "rejected": [6]}], "no token that stands in 2 of 2 answers")])
def test_comparisons_that_teach_nothing_are_refused(rows: Pairs, found: str):
    with pytest.raises(Refused, match=found):
        fit_bag_of_tokens(rows, pad=0)
