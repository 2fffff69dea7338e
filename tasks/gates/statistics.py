"""Intervals around the numbers of the evidence."""

from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def bootstrap_mean(
    values: Sequence[float], clusters: Sequence[Hashable] | None, resamples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return the mean and the ends of its percentile interval under a cluster bootstrap.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; whole clusters are drawn with
    replacement (Field and Welsh 2007, J. R. Stat. Soc. B 69), since answers to one prompt are not independent.
    The same arguments give the same interval. The interval always holds the mean.

    Args:
        values: finite numbers, one a measurement.
        clusters: which cluster each belongs to, e.g. its prompt; None where each stands for itself.
        resamples: how many times the clusters are drawn.
        confidence: coverage of the interval, between 0 and 1.

    Raises:
        ValueError: the lengths differ, a value is not finite, or there are fewer than two clusters, whose spread
            nobody can know.
    """
    sums, counts = _by_cluster(np.asarray(values, dtype=np.float64), clusters)
    return _resampled_ratio(sums, counts, resamples, confidence, seed)


def bootstrap_ratio(
    above: Sequence[float], below: Sequence[float], clusters: Sequence[Hashable] | None, resamples: int,
    confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return sum(above) / sum(below) and the ends of its percentile interval; pairs are drawn together.

    Args:
        above, below: finite numbers in pairs; below > 0.
        clusters: as in bootstrap_mean.

    Raises:
        ValueError: as bootstrap_mean, or a number of below is not positive.
    """
    sums, _ = _by_cluster(np.asarray(above, dtype=np.float64), clusters)
    weights, _ = _by_cluster(np.asarray(below, dtype=np.float64), clusters)
    if len(sums) != len(weights) or not (weights > 0).all():
        raise ValueError("a ratio needs a positive number below for each number above")
    return _resampled_ratio(sums, weights, resamples, confidence, seed)


def _resampled_ratio(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    _check_confidence(confidence)
    generator = np.random.Generator(np.random.PCG64(seed))
    means = np.empty(resamples)
    for draw in range(resamples):  # one by one: all at once would take resamples * clusters numbers of memory
        chosen = generator.integers(0, len(sums), len(sums))
        means[draw] = sums[chosen].sum() / counts[chosen].sum()
    return percentile_interval(float(sums.sum() / counts.sum()), means, confidence)


def percentile_interval(value: float, draws: NDArray[np.float64], confidence: float) -> tuple[float, float, float]:
    """Return a value and the ends of the percentile interval of its bootstrap draws; it always holds the value."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return value, min(float(low), value), max(float(high), value)


def wilson(successes: float, trials: int, confidence: float) -> tuple[float, float, float]:
    """Return a rate and the ends of its score interval.

    Wilson 1927, J. Am. Stat. Assoc. 22, p. 209, with z the normal quantile of (1 + confidence) / 2:

        centre = (p + z^2 / 2n) / (1 + z^2 / n)
        half   = z / (1 + z^2 / n) * sqrt(p (1 - p) / n + z^2 / 4n^2)

    Args:
        successes: how many; a tie may count as a half.
        trials: independent ones. Several answers to one prompt are not: use bootstrap_mean.

    Raises:
        ValueError: no trials, or successes not between 0 and trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"a rate needs 0 <= successes <= trials and a trial, found {successes} of {trials}")
    _check_confidence(confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (rate * (1 - rate) / trials + z**2 / (4 * trials**2)) ** 0.5
    return rate, max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate))


def paired_rates(ours: Sequence[float], theirs: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """Return the difference of two rates on the same units and the ends of its adjusted Wald interval.

    Bonett and Price 2012, J. Educ. Behav. Stat. 37, p. 479: with f units where only ours succeeds and g where only
    theirs does, p = (f + 1) / (n + 2), q = (g + 1) / (n + 2) and z the normal quantile of (1 + confidence) / 2,

        p - q ± z * sqrt((p + q - (p - q)^2) / (n + 2))

    Unlike a bootstrap it has a width where the two never differ. The interval always holds (f - g) / n.

    Args:
        ours, theirs: 0 or 1, one of each a unit; units are independent.

    Raises:
        ValueError: the lengths differ, there is no unit, or a number is neither 0 nor 1.
    """
    pairs = list(zip(ours, theirs, strict=True))
    if not pairs or not {*ours, *theirs} <= {0, 1}:
        raise ValueError(f"paired rates need a unit, and 0 or 1 for each; found {len(pairs)} units")
    _check_confidence(confidence)
    units, only_ours, only_theirs = len(pairs), pairs.count((1, 0)), pairs.count((0, 1))
    p, q = (only_ours + 1) / (units + 2), (only_theirs + 1) / (units + 2)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * ((p + q - (p - q) ** 2) / (units + 2)) ** 0.5
    found = (only_ours - only_theirs) / units
    return found, max(-1.0, min(p - q - half, found)), min(1.0, max(p - q + half, found))


def _by_cluster(
    numbers: NDArray[np.float64], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sum and the count of each cluster's values, in the order in which the clusters first appear."""
    labels = range(len(numbers)) if clusters is None else clusters
    if len(labels) != len(numbers):
        raise ValueError(f"{len(numbers)} values but {len(labels)} cluster labels")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{int((~np.isfinite(numbers)).sum())} of {len(numbers)} values are not finite")
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    if len(places) < 2:
        raise ValueError(f"an interval needs at least two clusters, found {len(places)}")
    place = np.array([places[label] for label in labels])
    sums, counts = np.bincount(place, weights=numbers), np.bincount(place)
    return sums.astype(np.float64), counts.astype(np.float64)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is between 0 and 1, found {confidence}")
