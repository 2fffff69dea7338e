"""How far two data versions differ in how their rows are spread: lengths, labels, topics, scripts. No text of a row.

The distance is the Jensen-Shannon divergence in bits: 0 for the same shares, 1 where nothing is in common. It does not
grow with the number of rows; whether it is more than chance says a chi-squared test of homogeneity beside it.
Lin 1991, IEEE Transactions on Information Theory 37(1), section IV.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[str, int]
P_AT_MOST = 0.001  # several spreads are looked at, with every version
ROWS_AT_LEAST = 20
_SAID = {"longer_by": "length of chosen to rejected", "answers": "share of good answers"}


@dataclass(frozen=True)
class Shift:
    """One spread in two versions."""

    kind: str  # of rows
    of: str  # what is spread, e.g. length of chosen
    divergence: float  # bits
    p: float  # that both were drawn from one spread
    before: Counts
    after: Counts

    def is_told(self, at_most: float) -> bool:
        """Whether it is larger than a setting allows, and no chance."""
        return self.divergence > at_most and self.p < P_AT_MOST

    def sentence(self) -> str:
        """For a warning."""
        return f"{self.kind}: {self.of} has shifted: {self.divergence:.2f} bits (Jensen-Shannon), p = {self.p:.1g}"


def shifts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Shift]:
    """Compare what distributions.distributions said of two versions; a kind that is in one alone is left out."""
    return [Shift(kind, of, divergence(was, now), p_same(was, now), was, now)
            for kind in sorted(before.keys() & after.keys()) for of, was, now in _spreads(before[kind], after[kind])
            if min(sum(was.values()), sum(now.values())) >= ROWS_AT_LEAST]


def told(found: Iterable[Shift], at_most: float) -> list[str]:
    """A sentence for each shift that is worth one, the largest first."""
    return [one.sentence() for one in sorted(found, key=lambda one: -one.divergence) if one.is_told(at_most)]


def divergence(before: Counts, after: Counts) -> float:
    """The Jensen-Shannon divergence of two spreads, in bits."""
    names = sorted({*before, *after})
    ours, theirs = _shares(before, names), _shares(after, names)
    mixed = [(one + other) / 2 for one, other in zip(ours, theirs, strict=True)]
    return max(0.0, (_relative(ours, mixed) + _relative(theirs, mixed)) / 2)


def p_same(before: Counts, after: Counts) -> float:
    """p-value of Pearson's chi-squared test that both are drawn from one spread; 1 where there is one class."""
    from scipy.stats import chi2_contingency

    names = [name for name in sorted({*before, *after}) if before.get(name, 0) + after.get(name, 0)]
    if len(names) < 2:
        return 1.0
    return float(chi2_contingency([[side.get(name, 0) for name in names] for side in (before, after)]).pvalue)


def _spreads(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Counts, Counts]]:
    """What both sheets have counted; sheets of an earlier release have less."""
    for name in ("scripts", "topics", "longer_by", "answers"):
        if before.get(name) and after.get(name):
            yield _SAID.get(name, name), before[name], after[name]
    was, now = before.get("lengths", {}), after.get("lengths", {})
    for name in sorted(was.keys() & now.keys()):
        yield f"length of {name}", was[name], now[name]


def _shares(counts: Counts, names: Iterable[str]) -> list[float]:
    whole = sum(counts.values())
    return [counts.get(name, 0) / whole for name in names]


def _relative(ours: list[float], to: list[float]) -> float:
    return math.fsum(one * math.log2(one / other) for one, other in zip(ours, to, strict=True) if one)
