"""What the supervised stages minimise: rows in, loss and numbers out."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tasks.models.log_probs import response_log_probs
from tasks.models.scorers import sequence_scores
from tasks.models.scoring import in_chunks, trimmed
from tasks.models.sequences import Sequences, join
from tasks.rl.losses import bradley_terry_loss
from tasks.rl.masking import masked_mean

Row = Mapping[str, list[int]]
SCORING_ROWS = 256  # sequences a forward pass without gradient


class Imitation:
    """Mean negative log-likelihood of response tokens, nats a token; prompts are read and not learned.

    Args:
        rows: each with token ids under `prompt` and `response`.
    """

    def __init__(self, model, rows: Sequence[Row], *, pad: int):
        self._model, self._rows, self._pad = model, rows, pad

    def __call__(self, chosen_rows: list[int]) -> tuple[Tensor, dict[str, float]]:
        rows = [self._rows[row] for row in chosen_rows]
        device = next(self._model.parameters()).device
        sequences = join([row["prompt"] for row in rows], [row["response"] for row in rows], pad=self._pad,
                         device=device)
        log_probs = trimmed(lambda part: response_log_probs(self._model, part)[0], sequences)
        return -masked_mean(log_probs, sequences.response_mask), {}


class Comparison:
    """Bradley-Terry loss of chosen over rejected, and the share of pairs put in the right order.

    Args:
        rows: each with token ids under `prompt`, `chosen` and `rejected`.
    """

    def __init__(self, scorer, rows: Sequence[Row], *, pad: int):
        self._scorer, self._rows, self._pad = scorer, rows, pad

    def __call__(self, chosen_rows: list[int]) -> tuple[Tensor, dict[str, float]]:
        chosen, rejected = self._scores([self._rows[row] for row in chosen_rows])
        return bradley_terry_loss(chosen, rejected), {"accuracy": (chosen > rejected).float().mean().item()}

    def _scores(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        sequences = self._sequences(rows)
        scores = trimmed(lambda part: sequence_scores(self._scorer, part), sequences)
        return scores[: len(rows)], scores[len(rows) :]

    def _sequences(self, rows: Sequence[Row]) -> Sequences:
        prompts = [row["prompt"] for row in rows]
        return join(prompts + prompts, [row["chosen"] for row in rows] + [row["rejected"] for row in rows],
                    pad=self._pad, device=next(self._scorer.parameters()).device)

    @torch.no_grad()
    def margins(self) -> list[float]:
        """Return score of chosen less score of rejected for every row, in order."""
        found: list[float] = []
        for part in in_chunks(len(self._rows), SCORING_ROWS):
            chosen, rejected = self._scores(self._rows[part])
            found += (chosen - rejected).tolist()
        return found


@torch.no_grad()
def mean_loss(objective: Imitation, rows: int) -> float:
    """Return the mean over batches of an objective's loss on rows 0..rows-1, for held-out rows."""
    losses = [(objective(list(range(part.start, part.stop)))[0].item(), part.stop - part.start)
              for part in in_chunks(rows, SCORING_ROWS)]
    return sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
