"""Prompts and responses as tensors: one row a sequence, prompt and response without a gap, padding on the right.

Padding on the right needs no attention mask in a causal model: no token that counts ever looks at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """A batch of prompts, each with its response.

    Attributes:
        tokens: int64 [batch, time], prompt then response then padding.
        prompt_lengths: int64 [batch], tokens of each prompt, at least 1.
        response_lengths: int64 [batch], tokens of each response, end token included where there is one.
    """

    tokens: Tensor
    prompt_lengths: Tensor
    response_lengths: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def response_mask(self) -> Tensor:
        """bool [batch, longest response], True on response tokens."""
        longest = int(self.response_lengths.max())
        return torch.arange(longest, device=self.tokens.device) < self.response_lengths[:, None]

    def response_places(self) -> tuple[Tensor, Tensor]:
        """Rows and columns, int64 [response tokens in all], of the tokens of all responses in reading order."""
        rows, offsets = self.response_mask.nonzero(as_tuple=True)
        return rows, self.prompt_lengths[rows] + offsets

    def last_places(self) -> Tensor:
        """Column of the last token of each sequence, int64 [batch]."""
        return self.prompt_lengths + self.response_lengths - 1

    def rows(self, index: Tensor) -> "Sequences":
        """The rows at index, int64 [n], with the padding that they do not need cut off."""
        prompts, responses = self.prompt_lengths[index], self.response_lengths[index]
        longest = int((prompts + responses).max())
        return Sequences(self.tokens[index, :longest], prompts, responses)

    def response(self, row: int) -> list[int]:
        """The token ids of one response."""
        start = int(self.prompt_lengths[row])
        return self.tokens[row, start : start + int(self.response_lengths[row])].tolist()


def join(prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], *, pad: int, device=None) -> Sequences:
    """Lay token lists out as Sequences.

    Raises:
        ValueError: if the counts differ, or a prompt is empty: its first response token would have no context.
    """
    if len(prompts) != len(responses):
        raise ValueError(f"{len(prompts)} prompts, {len(responses)} responses")
    if not all(prompts):
        raise ValueError("a prompt has no token; the first response token would have no context")
    width = max(len(p) + len(r) for p, r in zip(prompts, responses, strict=True))
    tokens = [[*p, *r] + [pad] * (width - len(p) - len(r)) for p, r in zip(prompts, responses, strict=True)]
    return Sequences(
        torch.tensor(tokens, device=device),
        torch.tensor([len(p) for p in prompts], device=device),
        torch.tensor([len(r) for r in responses], device=device))
