"""Forward passes over many sequences, some at a time, those of like length together."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from tasks.models.log_probs import response_log_probs_alone
from tasks.models.precision import precision
from tasks.models.sequences import Sequences
from tasks.models.workers import in_order

TOKENS = {"cpu": 640, "cuda": 1 << 16}  # a forward pass, padding included: few stay in a CPU's cache, many fill a GPU


def micro_batches(sequences: Sequences, most_tokens: int | None = None) -> list[Tensor]:
    """Return row numbers, int64, in parts that go through a model together; each row is in one part.

    Rows of like length lie in one part, so that little padding is computed, and a part holds at most most_tokens
    tokens, padding included (one row may be longer). The parts are as few as that allows, and alike in tokens.

    Args:
        most_tokens: None for what suits the device.
    """
    most = most_tokens or TOKENS[sequences.tokens.device.type]
    lengths = (sequences.prompt_lengths + sequences.response_lengths).cpu()
    order = lengths.argsort(stable=True, descending=True)
    longest_first = lengths[order].tolist()
    fewest = len(_cut(longest_first, most))
    even = bisect_left(range(most), True, key=lambda size: len(_cut(longest_first, size)) <= fewest)
    return [order[part].to(sequences.tokens.device) for part in _cut(longest_first, even)]


def _cut(longest_first: list[int], most: int) -> list[slice]:
    """Rows of these lengths in parts that hold at most so many tokens, padding included, or one row."""
    parts, start = [], 0
    while start < len(longest_first):
        rows = max(1, most // longest_first[start])
        parts.append(slice(start, start + rows))
        start += rows
    return parts


def without_gradient(forward: Callable[[Sequences], Tensor], sequences: Sequences) -> Tensor:
    """Return what forward gives for each sequence, float32, in the order of the sequences.

    Args:
        forward: Sequences -> [rows] or [rows, longest response of the rows, …]; the latter are padded with zeros.
    """
    width, order, device = sequences.response_mask.shape[1], micro_batches(sequences), sequences.tokens.device

    @torch.no_grad()
    def values_of(part: Tensor) -> Tensor:
        with precision(device):
            values = forward(sequences.rows(part))
        return values if values.ndim == 1 else _widened(values, width)

    found = list(in_order((partial(values_of, part) for part in order), device))
    return torch.cat(found)[torch.cat(order).argsort()]


def _widened(values: Tensor, width: int) -> Tensor:
    """Pad the second dimension with zeros on the right."""
    return torch.nn.functional.pad(values, (0, 0) * (values.ndim - 2) + (0, width - values.shape[1]))


def in_chunks(count: int, size: int) -> Iterator[slice]:
    """Slices that cover range(count) in order, none longer than size."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


class Reference:
    """The model that the policy started from, or is held near. It remembers its answer for the last batch.

    Attributes:
        temperature: scores are divided by it, as in sampling.
    """

    def __init__(self, model, *, temperature: float = 1.0):
        self.temperature, self.model = temperature, model
        self._last: Sequences | None = None
        self._found = torch.empty(0)

    def twin(self) -> "Reference":
        """The same model with a memory of its own."""
        return Reference(self.model, temperature=self.temperature)

    @torch.no_grad()
    def follow(self, model: torch.nn.Module, *, decay: float) -> None:
        """Move the weights towards another model's of the same shape: own <- decay * own + (1 - decay) * other."""
        for own, other in zip(self.model.parameters(), model.parameters(), strict=True):
            own.lerp_(other, 1 - decay)
        self._last = None

    def log_probs(self, sequences: Sequences) -> Tensor:
        """Return the log-probability of each response token, float32 [batch, longest response], zero on padding."""
        if sequences is not self._last:
            self._found = without_gradient(
                lambda part: response_log_probs_alone(self.model, part, temperature=self.temperature), sequences)
            self._last = sequences
        return self._found
