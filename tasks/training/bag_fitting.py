"""How a bag of tokens learns: logistic regression on the difference of two answers (Bradley and Terry 1952)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tasks.contracts.errors import Refused
from tasks.models.bag_of_tokens import BagOfTokens, Terms, log_lengths, occurrences
from tasks.models.sequences import Sequences, join

PENALTY = 0.5  # of half the sum of squares of the weights; that of the TF-IDF baseline, which sees each pair twice
FEWEST = 2  # answers that a term stands in; what stands in one alone says nothing about another
STEPS = 500


def fit_bag_of_tokens(rows: Sequence[dict[str, Any]], *, pad: int) -> BagOfTokens:
    """Return the weights that minimise

        sum over pairs of -ln sigmoid(chosen - rejected - margin) + PENALTY / 2 * (sum of squares of the weights)

    which is convex, by L-BFGS in float64 on the CPU: no seed, and the same rows give the same weights.

    Args:
        rows: comparisons with token ids under `prompt`, `chosen` and `rejected`, and perhaps a `margin`.

    Raises:
        Refused: there is no row, or no token stands in two answers.
    """
    if not rows:
        raise _nothing_to_learn("no comparison")
    chosen, rejected = (_answers(rows, name, pad) for name in ("chosen", "rejected"))
    terms = terms_of([chosen, rejected])
    margins = torch.tensor([row.get("margin", 0.0) for row in rows], dtype=torch.float64)
    weights = _regression(_Differences(chosen, rejected, terms), margins)
    return BagOfTokens(terms, weights[:-1].float(), weights[-1].item())


def terms_of(answers: Sequence[Sequences]) -> Terms:
    """The terms that stand in FEWEST answers or more, of rarity ln((1 + answers) / (1 + those with the term)) + 1.

    Raises:
        Refused: there is none.
    """
    count = sum(len(one) for one in answers)
    codes, answers_with = torch.unique(torch.cat([_once_each(one) for one in answers]), return_counts=True)
    kept = answers_with >= FEWEST
    if not kept.any():
        raise _nothing_to_learn(f"no token that stands in {FEWEST} of {count} answers")
    return Terms(codes[kept], ((1 + count) / (1 + answers_with[kept].double())).log().add(1).float())


def _nothing_to_learn(found: str) -> Refused:
    return Refused("a bag of tokens has nothing to learn from", where="reward_model.ensemble.bag_of_tokens",
                   wanted="comparisons whose answers share tokens", found=found,
                   next_step="Add comparisons, or set it to false.")


def _once_each(answers: Sequences) -> Tensor:
    """The code of everything that stands in an answer, as many times as there are such answers."""
    rows, found = occurrences(answers)
    codes, places = torch.unique(found, return_inverse=True)
    return codes[torch.unique(rows * len(codes) + places) % len(codes)]


def _answers(rows: Sequence[dict[str, Any]], name: str, pad: int) -> Sequences:
    return join([row["prompt"] for row in rows], [row[name] for row in rows], pad=pad)


class _Differences:
    """What weights make of chosen less rejected: a sparse matrix, and the difference of the lengths as one column more.

    Args:
        chosen, rejected: as many answers of either.
    """

    def __init__(self, chosen: Sequences, rejected: Sequences, terms: Terms):
        found, other = terms.found_in(chosen), terms.found_in(rejected)
        self._rows, self._columns = (torch.cat(both) for both in zip(found[:2], other[:2], strict=True))
        self._values = torch.cat((found[2], -other[2])).double()
        self._lengths = (log_lengths(chosen) - log_lengths(rejected)).double()
        self.columns = len(terms.codes) + 1

    def __call__(self, weights: Tensor) -> Tensor:
        """Return float64 [pairs] for weights, float64 [columns], the last of which is the length's."""
        return (weights[-1] * self._lengths).index_add(0, self._rows, self._values * weights[self._columns])


def _regression(differences: _Differences, margins: Tensor) -> Tensor:
    weights = torch.zeros(differences.columns, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=STEPS, tolerance_grad=1e-7, tolerance_change=1e-12,
                               line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        found = differences(weights) - margins
        total = torch.nn.functional.softplus(-found).sum() + PENALTY / 2 * weights.square().sum()
        total.backward()
        return total

    solver.step(loss)
    return weights.detach()
