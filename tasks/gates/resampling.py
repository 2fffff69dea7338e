"""An interval around any number that is worked out from rows."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.gates.statistics import percentile_interval

Statistic = Callable[[NDArray[np.int64]], float]  # row numbers, each as often as it was drawn -> a number


def bootstrap_statistic(
    statistic: Statistic, rows: int, clusters: Sequence[Hashable] | None, resamples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return a statistic of all rows and the ends of its percentile interval under a cluster bootstrap.

    As tasks.gates.statistics.bootstrap_mean, which is faster. Statistics that noise can only raise, such as a
    calibration error, come out higher in the draws than in the data; the interval then lies to the upper side, which
    is the careful one for `at_most`.

    Args:
        statistic: finite on every draw.
        rows: how many there are.
        clusters: which cluster each row belongs to; None where each stands for itself.

    Raises:
        ValueError: fewer than two clusters, another count of labels than of rows, or a value that is not finite.
    """
    if clusters is not None and len(clusters) != rows:
        raise ValueError(f"{rows} rows but {len(clusters)} cluster labels")
    members = _members(range(rows) if clusters is None else clusters)
    if len(members) < 2:
        raise ValueError(f"an interval needs at least two clusters, found {len(members)}")
    generator = np.random.Generator(np.random.PCG64(seed))
    values = np.empty(resamples)
    for draw in range(resamples):
        chosen = generator.integers(0, len(members), len(members))
        values[draw] = statistic(chosen if len(members) == rows else np.concatenate([members[one] for one in chosen]))
    value = float(statistic(np.arange(rows)))
    if not np.isfinite([value, *values]).all():
        raise ValueError("the statistic is not finite on every draw")
    return percentile_interval(value, values, confidence)


def _members(labels: Sequence[Hashable]) -> list[NDArray[np.int64]]:
    """The rows of each cluster, in the order in which the clusters first appear."""
    rows: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return [np.array(found, dtype=np.int64) for found in rows.values()]
