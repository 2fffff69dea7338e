"""Shapes of a whole file from which a reward model would learn the wrong thing."""

import math
from collections import Counter

from tasks.data.normal_text import key, normal
from tasks.data.schema import Row

ROWS_AT_LEAST = 20  # below this a share says nothing
CONSTANT_SHARE = 0.2  # one answer in more than this share of the rows
LENGTH_SHARE = 0.7  # the longer (or shorter) answer wins in clearly more than this share of the pairs
_Z = 1.96


class Balance:
    """Counts over a file: how often one answer comes, and how often the longer answer is the chosen one."""

    def __init__(self) -> None:
        self._answers: Counter[int] = Counter()
        self._rows = self._longer = self._shorter = 0

    def meet(self, row: Row) -> None:
        """Count one row; a kind without answers counts nothing."""
        answer = row.get("chosen", row.get("response"))
        if answer is None:
            return
        self._rows += 1
        self._answers[key(normal(str(answer)))] += 1
        if "rejected" in row:
            difference = len(str(row["chosen"])) - len(str(row["rejected"]))
            self._longer += difference > 0
            self._shorter += difference < 0

    def warnings(self) -> list[str]:
        """One sentence for each shape that stands out."""
        return [*self._constant(), *self._length("longer", self._longer), *self._length("shorter", self._shorter)]

    def _constant(self) -> list[str]:
        if self._rows < ROWS_AT_LEAST:
            return []
        count = self._answers.most_common(1)[0][1]
        if count <= CONSTANT_SHARE * self._rows:
            return []
        share = count / self._rows
        return [f"a constant answer: the same one is repeated in {count:,} of {self._rows:,} rows ({share:.0%})"]

    def _length(self, word: str, count: int) -> list[str]:
        pairs = self._longer + self._shorter
        if pairs < ROWS_AT_LEAST or wilson_low(count, pairs) <= LENGTH_SHARE:
            return []
        found = f"the {word} answer is the chosen one in {count:,} of {pairs:,} pairs ({count / pairs:.0%})"
        return [f"length bias: {found}; a reward model can learn length instead of quality"]


def wilson_low(successes: int, trials: int) -> float:
    """Lower end of the 95 % Wilson interval of a share. Wilson 1927, JASA 22(158)."""
    share = successes / trials
    centre = share + _Z**2 / (2 * trials)
    spread = _Z * math.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return (centre - spread) / (1 + _Z**2 / trials)
