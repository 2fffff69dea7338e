"""Forward passes over many sequences, some at a time, those of like length together."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tasks.models.log_probs import response_log_probs
from tasks.models.precision import precision
from tasks.models.sequences import Sequences

ROWS = {"cpu": 16, "cuda": 256}  # sequences a forward pass: few waste little padding, many fill a GPU


def trimmed(forward: Callable[[Sequences], Tensor], sequences: Sequences) -> Tensor:
    """Return what forward gives for each sequence, float32, in the order of the sequences; differentiable.

    Sequences of like length go through together, so that little padding is computed.

    Args:
        forward: Sequences -> [rows] or [rows, longest response of the rows, …]; the latter are padded with zeros.
    """
    width, found = sequences.response_mask.shape[1], []
    order = (sequences.prompt_lengths + sequences.response_lengths).argsort(stable=True)
    with precision(sequences.tokens.device):
        for part in order.split(ROWS[sequences.tokens.device.type]):
            values = forward(sequences.rows(part))
            found.append(values if values.ndim == 1 else _widened(values, width))
    return torch.cat(found)[order.argsort()]


@torch.no_grad()
def without_gradient(forward: Callable[[Sequences], Tensor], sequences: Sequences) -> Tensor:
    """As trimmed, for passes that nothing is learned from."""
    return trimmed(forward, sequences)


def _widened(values: Tensor, width: int) -> Tensor:
    """Pad the second dimension with zeros on the right."""
    return torch.nn.functional.pad(values, (0, 0) * (values.ndim - 2) + (0, width - values.shape[1]))


def in_chunks(count: int, size: int) -> Iterator[slice]:
    """Slices that cover range(count) in order, none longer than size."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


class Reference:
    """The model that the policy started from. It stands still, so it remembers its answer for the last batch.

    Attributes:
        temperature: scores are divided by it, as in sampling.
    """

    def __init__(self, model, *, temperature: float = 1.0):
        self.temperature, self._model = temperature, model
        self._last: Sequences | None = None
        self._found = torch.empty(0)

    def twin(self) -> "Reference":
        """The same model with a memory of its own."""
        return Reference(self._model, temperature=self.temperature)

    def log_probs(self, sequences: Sequences) -> Tensor:
        """Return the log-probability of each response token, float32 [batch, longest response], zero on padding."""
        if sequences is not self._last:
            self._found = without_gradient(
                lambda part: response_log_probs(self._model, part, temperature=self.temperature)[0], sequences)
            self._last = sequences
        return self._found
