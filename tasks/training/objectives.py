"""What the supervised stages minimise: rows in, losses and numbers out, a micro-batch at a time.

An objective called with row numbers yields a function for one micro-batch after the other, which computes its (loss,
numbers). Both are shares of the whole batch's: losses add up to its loss, and the numbers of a name to its number,
however many parts there are, and whichever is computed first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tasks.models.log_probs import response_log_probs_alone
from tasks.models.packing import Packed, pack, refuse_leaks
from tasks.models.precision import precision
from tasks.models.scorers import sequence_scores
from tasks.models.scoring import TOKENS, micro_batches, without_gradient
from tasks.models.sequences import Sequences, join
from tasks.models.workers import in_order
from tasks.rl.losses import binary_loss, bradley_terry_loss
from tasks.rl.masking import token_weights, weighted_sum

Row = Mapping[str, Any]
Parts = Iterator[Callable[[], tuple[Tensor, dict[str, float]]]]


class Imitation:
    """Mean negative log-likelihood of response tokens, nats a token; prompts are read and not learned.

    Args:
        rows: each with token ids under `prompt` and `response`.
        most_tokens: of a micro-batch, padding included; None for what suits the device.
        packing: lay rows end to end (tasks.models.packing).

    Raises:
        ParamsInvalid: packing with a model that cannot keep rows apart.
    """

    def __init__(self, model, rows: Sequence[Row], *, pad: int, most_tokens: int | None = None,
                 packing: bool = False):
        self._model, self._rows, self._pad = model, rows, pad
        self._most_tokens, self._packing = most_tokens, packing
        if packing:
            refuse_leaks(model)

    def __call__(self, chosen_rows: Sequence[int]) -> Parts:
        sequences = _responses([self._rows[row] for row in chosen_rows], self._pad, _device(self._model))
        weights = token_weights(sequences.response_mask, aggregation="token")
        for part, packed in self._parts(sequences):
            yield partial(self._loss, sequences.rows(part), weights[part], packed)

    def _loss(self, sequences: Sequences, weights: Tensor, packed: Packed | None) -> tuple[Tensor, dict[str, float]]:
        with precision(sequences.tokens.device):
            log_probs = response_log_probs_alone(self._model, sequences, packed=packed)
        return -weighted_sum(log_probs, weights[:, : log_probs.shape[1]]), {}

    def _parts(self, sequences: Sequences) -> Iterator[tuple[Tensor, Packed | None]]:
        """Row numbers of each micro-batch, and how its rows are packed."""
        if self._packing:
            most = self._most_tokens or TOKENS[sequences.tokens.device.type]
            yield from ((packed.index, packed) for packed in pack(sequences, most))
        else:
            yield from ((part, None) for part in micro_batches(sequences, self._most_tokens))


class Comparison:
    """Bradley-Terry loss of chosen over rejected, and the share of pairs put in the right order.

    Args:
        rows: each with token ids under `prompt`, `chosen` and `rejected`; where they carry a `margin` (float), chosen
            is to be better by that much.
        most_tokens: of a micro-batch, padding included, both answers of a pair in the same; None for what suits the
            device.
        centring: weight of (chosen + rejected)**2.
    """

    def __init__(self, scorer, rows: Sequence[Row], *, pad: int, most_tokens: int | None = None,
                 centring: float = 0.0):
        self._scorer, self._rows, self._pad = scorer, rows, pad
        self._most_tokens, self._centring = most_tokens, centring

    def __call__(self, chosen_rows: Sequence[int]) -> Parts:
        rows = [self._rows[row] for row in chosen_rows]
        sequences, device = self._sequences(rows), _device(self._scorer)
        margins = torch.tensor([row.get("margin", 0.0) for row in rows], dtype=torch.float32, device=device)
        most = max(1, (self._most_tokens or TOKENS[device.type]) // 2)
        for pairs in micro_batches(_longer_of_each_pair(sequences), most):
            both = sequences.rows(torch.cat((pairs, pairs + len(rows))))
            yield partial(self._loss, both, margins[pairs], len(rows))

    def _loss(self, both: Sequences, margins: Tensor, rows: int) -> tuple[Tensor, dict[str, float]]:
        """Of some of a batch's rows: their chosen answers, then their rejected ones."""
        with precision(margins.device):
            scores = sequence_scores(self._scorer, both)
        chosen, rejected = scores.chunk(2)
        loss = bradley_terry_loss(chosen, rejected, margin=margins, centring=self._centring)
        return loss * (len(margins) / rows), {"accuracy": int((chosen > rejected).sum()) / rows}

    def margins(self) -> list[float]:
        """Return score of chosen less score of rejected for every row, in order."""
        scores = without_gradient(lambda part: sequence_scores(self._scorer, part), self._sequences(self._rows))
        chosen, rejected = scores.chunk(2)
        return (chosen - rejected).tolist()

    def _sequences(self, rows: Sequence[Row]) -> Sequences:
        """The chosen answers of all rows, then the rejected ones."""
        prompts = [row["prompt"] for row in rows]
        return join(prompts + prompts, [row["chosen"] for row in rows] + [row["rejected"] for row in rows],
                    pad=self._pad, device=_device(self._scorer))


class Verdicts:
    """Cross-entropy of answers that people called good or bad one at a time, and the share told apart at the offset.

    Args:
        rows: each with token ids under `prompt` and `response`, and `good`, a bool.
        most_tokens: of a micro-batch, padding included; None for what suits the device.
        offset: the score of an answer that is as likely to be called good as bad, a tensor of one number; None: 0.
    """

    def __init__(self, scorer, rows: Sequence[Row], *, pad: int, most_tokens: int | None = None,
                 offset: Tensor | None = None):
        self._scorer, self._rows, self._pad, self._most_tokens = scorer, rows, pad, most_tokens
        self._offset = offset

    def __call__(self, chosen_rows: Sequence[int]) -> Parts:
        rows, device = [self._rows[row] for row in chosen_rows], _device(self._scorer)
        sequences = _responses(rows, self._pad, device)
        good = torch.tensor([row["good"] for row in rows], dtype=torch.bool, device=device)
        for part in micro_batches(sequences, self._most_tokens):
            yield partial(self._loss, sequences.rows(part), good[part], len(rows))

    def _loss(self, sequences: Sequences, good: Tensor, rows: int) -> tuple[Tensor, dict[str, float]]:
        with precision(good.device):
            scores = sequence_scores(self._scorer, sequences)
        scores = scores if self._offset is None else scores - self._offset
        right = int(((scores > 0) == good).sum())
        return binary_loss(scores, good) * (len(good) / rows), {"accuracy": right / rows}

    def scores(self) -> list[float]:
        """Return the score of every row, in order; the offset is no part of it."""
        sequences = _responses(self._rows, self._pad, _device(self._scorer))
        return without_gradient(lambda part: sequence_scores(self._scorer, part), sequences).tolist()


def mean_loss(objective: Imitation | Comparison | Verdicts, rows: int, device: torch.device) -> float:
    """Return an objective's loss on rows 0..rows-1 as one batch, for held-out rows."""
    return sum(in_order((partial(_alone, part) for part in objective(range(rows))), device))


@torch.no_grad()
def _alone(part: Callable[[], tuple[Tensor, dict[str, float]]]) -> float:
    return part()[0].item()


def _responses(rows: Sequence[Row], pad: int, device: torch.device) -> Sequences:
    return join([row["prompt"] for row in rows], [row["response"] for row in rows], pad=pad, device=device)


def _longer_of_each_pair(sequences: Sequences) -> Sequences:
    """The longer answer of each pair, so that where it fits into a micro-batch the other does too."""
    chosen, rejected = sequences.response_lengths.chunk(2)  # the prompt is the same
    pairs = torch.arange(len(chosen), device=chosen.device)
    return sequences.rows(torch.where(chosen >= rejected, pairs, pairs + len(pairs)))


def _device(model) -> torch.device:
    return next(model.parameters()).device
