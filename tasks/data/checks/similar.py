"""Rows and prompts that are nearly the same: candidates share a band of their signatures, and are then compared.

Of the rows that share a band, each is compared with the first of them and with the one before it, so that the work
grows with the rows and not with their pairs: of a million versions of one text each is found, and no pair is listed.
"""

import numpy as np

from tasks.data.checks.columns import Column
from tasks.data.checks.duplicates import is_in_sorted
from tasks.data.checks.known import Known
from tasks.data.checks.shingles import similarity
from tasks.data.checks.spools import group_numbers, group_starts, side_by_side

PAIRS_AT_ONCE = 1 << 14  # their signatures are in memory


def similar_rows(known: Known, at_least: float, without: np.ndarray) -> np.ndarray:
    """Rows that are similar to an earlier one, sorted.

    Args:
        at_least: the estimated similarity from which on rows are said to be.
        without: bool [rows], those that need not be looked at.
    """
    found = without | ~known.all_met()
    skipped = found.copy()
    for records in known.bands.partitions():
        records = records[known.met(records["row"])]
        starts = group_starts(records["key"])
        rows = records["row"]
        firsts = rows[starts][group_numbers(starts)]
        for others in (firsts, np.roll(rows, 1)):
            asked = ~starts & ~found[rows]
            pairs = np.unique(np.stack([rows[asked], others[asked]], axis=1), axis=0)
            found[_similar(pairs, known.minima, known.minima, at_least)] = True
    return np.flatnonzero(found & ~skipped)


def similar_prompts(test: Known, training: Known, at_least: float) -> np.ndarray:
    """First rows of those prompts of `test` that are similar to a prompt of `training` and not the same, sorted."""
    new = _different_prompts(test, training)
    found = np.zeros(test.rows, bool)
    for ours, theirs in side_by_side(test.prompt_bands, training.prompt_bands):
        ours = ours[new[ours["row"]]]
        theirs = theirs[training.met(theirs["row"])]
        theirs = theirs[group_starts(theirs["key"])]
        ours = ours[is_in_sorted(ours["key"], theirs["key"]) & ~found[ours["row"]]]
        others = theirs["row"][np.searchsorted(theirs["key"], ours["key"])]
        pairs = np.unique(np.stack([ours["row"], others], axis=1), axis=0)
        found[_similar(pairs, test.prompt_minima, training.prompt_minima, at_least)] = True
    return np.flatnonzero(found)


def _different_prompts(test: Known, training: Known) -> np.ndarray:
    """True for the first row of each prompt of `test` that `training` has not, bool [rows]."""
    new = np.zeros(test.rows, bool)
    for ours, theirs in side_by_side(test.keys["prompt"], training.keys["prompt"]):
        ours, theirs = test.first_prompts(ours), training.first_prompts(theirs)
        new[ours["row"][~is_in_sorted(ours["key"], theirs["key"])]] = True
    return new


def _similar(pairs: np.ndarray, ours: Column, theirs: Column, at_least: float) -> np.ndarray:
    """The first of each pair whose signatures are that similar. Both columns are read a piece at a time."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start:start + PAIRS_AT_ONCE]
        found.append(some[similarity(ours.rows(some[:, 0]), theirs.rows(some[:, 1])) >= at_least, 0])
    return np.concatenate(found)
