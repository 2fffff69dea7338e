"""What a reward model learns: comparisons of two answers, and labels of answers that were judged alone.

A comparison says which of two scores is higher (Bradley and Terry 1952), a label on which side of a threshold one score
lies: the pointwise logistic reward. Both are log-likelihoods of the same scores, so that they add up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tasks.contracts.places import PREPARED
from tasks.contracts.reporting import Sink
from tasks.data.preparing.batches import read_shard
from tasks.training.objectives import Comparison, Parts, Verdicts
from tasks.training.optimising import Part
from tasks.training.supervised import train_supervised

if TYPE_CHECKING:
    from tasks.contracts.learning_config import RewardModelConfig

Row = dict[str, Any]


@dataclass(frozen=True)
class Feedback:
    """One part of the prepared feedback: either may be empty, not both."""

    comparisons: Sequence[Row]
    labels: Sequence[Row]

    @staticmethod
    def read(part: str) -> "Feedback":
        """From the shards of prepare_data. Raises FileNotFoundError where there is neither."""
        comparisons, labels = (PREPARED / f"{kind}_{part}.jsonl" for kind in ("preferences", "labels"))
        found = read_shard(labels) if labels.exists() else []
        return Feedback(read_shard(comparisons) if comparisons.exists() or not found else [], found)

    def __len__(self) -> int:
        return len(self.comparisons) + len(self.labels)


class Offset(torch.nn.Module):
    """The score of an answer that is as likely to be called good as bad; it learns beside the model and is not kept.

    It begins where scores of 0 are called good as often as the labels are: -ln(odds), with a half added to either
    count, so that labels that are all the same have odds too.
    """

    def __init__(self, labels: Sequence[Row]):
        super().__init__()
        good = sum(row["good"] for row in labels)
        self.value = torch.nn.Parameter(torch.tensor(-math.log((good + 0.5) / (len(labels) - good + 0.5))))


class Joined:
    """Comparisons and labels in one batch: the mean over its rows of either's loss, that of labels times a weight.

        loss = (sum_c -log sigmoid(chosen - rejected) + weight * sum_l -log sigmoid(±(score - offset))) / rows

    The accuracy is the share of rows that are put right. Row numbers go through the comparisons first.
    """

    def __init__(self, comparison: Comparison, comparisons: int, verdicts: Verdicts, weight: float):
        self._comparison, self._comparisons, self._verdicts, self._weight = comparison, comparisons, verdicts, weight

    def __call__(self, chosen_rows: Sequence[int]) -> Parts:
        pairs = [row for row in chosen_rows if row < self._comparisons]
        labels = [row - self._comparisons for row in chosen_rows if row >= self._comparisons]
        for objective, rows, weight in ((self._comparison, pairs, 1.0), (self._verdicts, labels, self._weight)):
            share = len(rows) / len(chosen_rows)
            for part in objective(rows) if rows else ():
                yield partial(_weighed, part, share * weight, share)


def teach(
    scorer: torch.nn.Module, feedback: Feedback, config: "RewardModelConfig", *, pad: int, seed: int, sink: Sink,
    checkpoints: Path, what: str,
) -> None:
    """Train the scorer in place on all of the feedback; train_supervised says how, and what may be raised."""
    comparison = comparisons_of(scorer, feedback.comparisons, config, pad=pad)
    if not feedback.labels:
        train_supervised(scorer, len(feedback), comparison, config, seed=seed, sink=sink, checkpoints=checkpoints,
                         what=what)
        return
    offset = Offset(feedback.labels).to(next(scorer.parameters()).device)
    verdicts = Verdicts(scorer, feedback.labels, pad=pad, most_tokens=config.micro_batch_tokens, offset=offset.value)
    train_supervised(
        scorer, len(feedback), Joined(comparison, len(feedback.comparisons), verdicts, config.label_weight), config,
        seed=seed, sink=sink, checkpoints=checkpoints, what=what, beside=offset)


def comparisons_of(scorer: torch.nn.Module, rows: Sequence[Row], config: "RewardModelConfig", *,
                   pad: int) -> Comparison:
    """What a reward model learns of comparisons, as the settings say."""
    return Comparison(scorer, rows, pad=pad, most_tokens=config.micro_batch_tokens, centring=config.centring)


def _weighed(part: Part, loss_share: float, number_share: float) -> tuple[Tensor, dict[str, float]]:
    loss, numbers = part()
    return loss * loss_share, {name: number * number_share for name, number in numbers.items()}
