"""How well scores rank good answers above bad ones: the area under the ROC curve, and what its interval is."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.gates.resampling import Statistic

HALVINGS = 60  # of an interval of length 1, until no float64 lies between its ends


def area_under_curve(scores: Sequence[float], good: Sequence[bool]) -> float:
    """Return the share of (good, bad) pairs in which the good one scores higher, ties counting half.

    That share is the Mann-Whitney statistic and the area under the ROC curve (Hanley and McNeil 1982, Radiology 143).

    Raises:
        ValueError: a label is missing altogether, or the lengths differ.
    """
    if len(scores) != len(good) or len(set(good)) < 2:
        raise ValueError(f"an area needs good and bad answers, found {sum(good)} good ones among {len(good)} for "
                         f"{len(scores)} scores")
    return area_of(scores, good)(np.arange(len(good)))


def area_of(scores: Sequence[float], good: Sequence[bool]) -> Statistic:
    """The area of the rows that are drawn; a draw without good or without bad ones says nothing and counts as 0.5."""
    every, labels = np.asarray(scores, dtype=np.float64), np.asarray(good, dtype=bool)

    def area(rows: NDArray[np.int64]) -> float:
        found, is_good = every[rows], labels[rows]
        above, below = found[is_good], np.sort(found[~is_good])
        if not len(above) or not len(below):
            return 0.5
        beaten = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
        return float(beaten.sum()) / (2 * len(above) * len(below))

    return area


def newcombe(area: float, good: int, bad: int, confidence: float) -> tuple[float, float, float]:
    """Return an area and the ends of its interval where all answers are independent.

    Newcombe 2006, Statist. Med. 25, p. 559, method 5: the ends are the areas A with |A - area| = z sqrt(V(A)),

        V(A) = A (1 - A) (1 + N (1 - A) / (2 - A) + N A / (1 + A)) / (good bad),    N = (good + bad) / 2 - 1

    and z the normal quantile of (1 + confidence) / 2. Like Wilson's it has a width where all pairs are right.

    Raises:
        ValueError: no good or no bad answer, or an area or confidence that can be none.
    """
    if good < 1 or bad < 1 or not 0 <= area <= 1 or not 0 < confidence < 1:
        raise ValueError(f"no interval around {area} of {good} good and {bad} bad answers at {confidence}")
    z, half = NormalDist().inv_cdf((1 + confidence) / 2), (good + bad) / 2 - 1

    def distance(at: float) -> float:
        spread = at * (1 - at) * (1 + half * (1 - at) / (2 - at) + half * at / (1 + at)) / (good * bad)
        return z * math.sqrt(spread)

    ends = []
    for outer in (0.0, 1.0):
        inner, found = area, outer
        for _ in range(HALVINGS):
            middle = (inner + found) / 2
            inner, found = (inner, middle) if abs(area - middle) >= distance(middle) else (middle, found)
        ends.append(found)
    return area, min(ends[0], area), max(ends[1], area)
