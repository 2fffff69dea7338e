"""Shapes of a whole file from which a reward model would learn the wrong thing."""

import math
from dataclasses import dataclass

from tasks.data.rows.labels import constant_label

ROWS_AT_LEAST = 20  # below this a share says nothing
CONSTANT_SHARE = 0.2  # one answer in more than this share of the rows
LENGTH_SHARE = 0.7  # the longer (or shorter) answer wins in clearly more than this share of the pairs
_Z = 1.96


@dataclass(frozen=True)
class Balance:
    """Counts over a file: how often one answer comes, and how often the longer answer is the chosen one."""

    answers: int  # rows that have one
    most_repeated: int  # rows with the commonest answer
    longer: int
    shorter: int
    good: int = 0  # labels
    bad: int = 0

    def warnings(self) -> list[str]:
        """One sentence for each shape that stands out."""
        return [*self._constant(), *self._length("longer", self.longer), *self._length("shorter", self.shorter),
                *constant_label(self.good, self.bad)]

    def _constant(self) -> list[str]:
        count = self.most_repeated
        if self.answers < ROWS_AT_LEAST or count <= CONSTANT_SHARE * self.answers:
            return []
        share = count / self.answers
        return [f"a constant answer: the same one is repeated in {count:,} of {self.answers:,} rows ({share:.0%})"]

    def _length(self, word: str, count: int) -> list[str]:
        pairs = self.longer + self.shorter
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
