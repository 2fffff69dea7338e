"""A linear reward model: how often tokens and pairs of neighbouring tokens stand in a response, and how long it is.

It knows neither the prompt nor the order of what it reads beyond two tokens. On a few thousand comparisons it can be
right as often as a network of a million weights, and it errs elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasks.models.sequences import Sequences

FILE = "bag_of_tokens.json"
_SPAN = 1 << 31  # above every token id; the pair (a, b) is written (a + 1) * _SPAN + b, the token b alone b


@dataclass(frozen=True)
class Terms:
    """Which tokens and pairs are looked for, and how rare they are.

    Attributes:
        codes: int64 [terms], ascending, at least one.
        rarity: float32 [terms], the inverse document frequency.
    """

    codes: Tensor
    rarity: Tensor

    def found_in(self, sequences: Sequences) -> tuple[Tensor, Tensor, Tensor]:
        """Return what of the terms stands in the responses: row, term and value of each, in the order of rows.

        value = (1 + ln count) * rarity, then over the root of the sum of squares of its row: sublinear TF-IDF of length
        1 (Manning, Raghavan and Schuetze 2008, Introduction to Information Retrieval, sections 6.3 and 6.4.1).

        Returns:
            rows, terms: int64 [found]; values: float32 [found].
        """
        rows, codes = occurrences(sequences)
        places = torch.searchsorted(self.codes, codes).clamp(max=len(self.codes) - 1)
        known = self.codes[places] == codes
        keys, counts = torch.unique(rows[known] * len(self.codes) + places[known], return_counts=True)
        rows, terms = keys // len(self.codes), keys % len(self.codes)
        values = (1 + counts.float().log()) * self.rarity[terms]
        squares = torch.zeros(len(sequences), device=values.device).index_add(0, rows, values.square())
        return rows, terms, values / squares.sqrt()[rows]


def occurrences(sequences: Sequences) -> tuple[Tensor, Tensor]:
    """Return row and code, int64 [occurrences], of every token and every pair of neighbours in the responses."""
    rows, columns = sequences.response_places()
    tokens = sequences.tokens[rows, columns]
    inside = rows[:-1] == rows[1:]
    pairs = (tokens[:-1] + 1) * _SPAN + tokens[1:]
    return torch.cat((rows, rows[:-1][inside])), torch.cat((tokens, pairs[inside]))


def log_lengths(sequences: Sequences) -> Tensor:
    """Return ln(1 + tokens of the response), float32 [batch]."""
    return sequences.response_lengths.float().log1p()


class BagOfTokens(torch.nn.Module):
    """score = sum over terms of weight * value + length_weight * ln(1 + tokens of the response).

    Args:
        terms: what is looked for.
        weights: float32 [terms], of each.
    """

    def __init__(self, terms: Terms, weights: Tensor, length_weight: float):
        super().__init__()
        self.codes, self.rarity, self.weights = (  # parameters, so that they move and tell their device as a network's
            torch.nn.Parameter(one, requires_grad=False) for one in (terms.codes, terms.rarity, weights))
        self.length_weight = length_weight

    def forward(self, sequences: Sequences) -> Tensor:
        """Return one score a response, float32 [batch]."""
        rows, terms, values = Terms(self.codes, self.rarity).found_in(sequences)
        return (self.length_weight * log_lengths(sequences)).index_add(0, rows, values * self.weights[terms])

    def save(self, folder: Path) -> None:
        """Write it as JSON into a folder, which is made where it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        columns = (one.tolist() for one in (self.codes, self.rarity, self.weights))
        terms = [[*_tokens(code), rarity, weight] for code, rarity, weight in zip(*columns, strict=True)]
        (folder / FILE).write_text(json.dumps({"length_weight": self.length_weight, "terms": terms}), encoding="utf-8")


def is_bag_of_tokens(folder: Path) -> bool:
    """Whether a folder holds a bag of tokens, and not a network."""
    return (folder / FILE).exists()


def remove_bag_of_tokens(folder: Path) -> None:
    """Make room for a network where a bag of tokens may have been."""
    (folder / FILE).unlink(missing_ok=True)


def load_bag_of_tokens(folder: Path) -> BagOfTokens:
    """Read what save wrote. Raises OSError, KeyError or ValueError where it is not that."""
    found: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    codes = torch.tensor([_code(term[:-2]) for term in found["terms"]], dtype=torch.int64)
    rarity, weights = (torch.tensor([term[place] for term in found["terms"]], dtype=torch.float32)
                       for place in (-2, -1))
    return BagOfTokens(Terms(codes, rarity), weights, float(found["length_weight"]))


def _tokens(code: int) -> list[int]:
    before, token = divmod(code, _SPAN)
    return [before - 1, token] if before else [token]


def _code(tokens: list[int]) -> int:
    return tokens[0] if len(tokens) == 1 else (tokens[0] + 1) * _SPAN + tokens[1]
