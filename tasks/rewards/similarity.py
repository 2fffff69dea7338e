"""How near an answer is to one that somebody wrote to the same prompt."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from tasks.rewards.samples import Samples
from tasks.rewards.words import Words


class Similarity:
    """The reward part: ROUGE-L of each answer to its prompt's reference answer, 0 where there is none."""

    def __init__(self, words: Words):
        self._words = words

    def __call__(self, samples: Samples) -> Tensor:
        """Return float32 [batch]."""
        references = samples.references or [None] * len(samples.answers)
        values = [0.0 if reference is None else rouge_l(answer, reference, self._words)
                  for answer, reference in zip(samples.answers, references, strict=True)]
        return torch.tensor(values, dtype=torch.float32, device=samples.sequences.tokens.device)


def rouge_l(answer: str, reference: str, words: Words) -> float:
    """Return ROUGE-L by words, 0..1: the F1 of the longest common subsequence.

    Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1, with beta = 1:

        P = LCS / words of the answer,   R = LCS / words of the reference,   F = 2 P R / (P + R)

    Words are not stemmed; 0 where either text has none.

    Args:
        words: what a word is, and which do not count.
    """
    ours, theirs = words(answer), words(reference)
    common = common_subsequence(ours, theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0  # = 2PR / (P + R)


def common_subsequence(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): a row of the usual table is one
    integer, in which bit i is 0 where the row grows between columns i and i + 1.
    """
    places: dict[Hashable, int] = defaultdict(int)
    for i, item in enumerate(one):
        places[item] |= 1 << i
    full = (1 << len(one)) - 1
    row = full
    for item in other:
        matched = row & places[item]
        row = ((row + matched) | (row - matched)) & full
    return len(one) - row.bit_count()
