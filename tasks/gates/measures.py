"""What is counted on answers, and the metrics of the evidence that it becomes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.contracts.evidence import Metric
from tasks.gates.statistics import bootstrap_mean, bootstrap_ratio, wilson

if TYPE_CHECKING:
    from tasks.contracts.gate_config import EvaluateConfig

WORD = re.compile(r"\w+", re.UNICODE)
GROUP = 20  # answers whose word pairs are counted together; a fixed number, since the share falls with the count


@dataclass(frozen=True)
class Measures:
    """Makes metrics out of values that were all measured on the same thing.

    Attributes:
        measured_on: sha256 of that thing.
        seed: of the bootstrap.
    """

    measured_on: str
    config: "EvaluateConfig"
    seed: int

    def rate(self, name: str, points: Sequence[float]) -> Metric:
        """A share of yes among independent answers (ties count half), with Wilson's interval."""
        return self._metric(name, wilson(sum(points), len(points), self.config.confidence), len(points))

    def mean(self, name: str, values: Sequence[float]) -> Metric:
        """A mean over independent values, one a prompt, with a bootstrap interval."""
        return self._metric(name, bootstrap_mean(
            values, clusters=None, resamples=self.config.resamples, confidence=self.config.confidence,
            seed=self.seed), len(values))

    def ratio(self, name: str, above: Sequence[float], below: Sequence[float]) -> Metric:
        """The mean of one number over the mean of another, pairs drawn together."""
        return self._metric(name, bootstrap_ratio(
            above, below, resamples=self.config.resamples, confidence=self.config.confidence, seed=self.seed),
            len(above))

    def _metric(self, name: str, estimate: tuple[float, float, float], samples: int) -> Metric:
        value, low, high = estimate
        return Metric(name=name, value=value, low=low, high=high, samples=samples, measured_on=self.measured_on)


def win_points(candidate: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Return 1 where the candidate's score is higher, 0.5 where the two are equal, 0 elsewhere; one a prompt."""
    return [1.0 if ours > theirs else 0.5 if ours == theirs else 0.0
            for ours, theirs in zip(candidate, baseline, strict=True)]


def distinct_2(answers: Sequence[str]) -> list[float]:
    """Return, for each whole group of GROUP answers, the share of its word pairs that are different ones.

    Li et al. 2016, arXiv:1510.03055, there over a whole corpus; groups of one size make two corpora comparable.
    """
    shares = []
    for start in range(0, len(answers) - GROUP + 1, GROUP):
        pairs = [pair for answer in answers[start : start + GROUP] for pair in _word_pairs(answer)]
        shares.append(len(set(pairs)) / len(pairs) if pairs else 0.0)
    return shares


def _word_pairs(answer: str) -> list[tuple[str, str]]:
    found = WORD.findall(answer.lower())
    return list(zip(found, found[1:], strict=False))
