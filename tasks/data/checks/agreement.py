"""How far annotators agree on pairs that several of them labelled."""

from dataclasses import dataclass

import numpy as np

from tasks.data.checks.annotator_keys import NO_ONE
from tasks.data.checks.known import Known
from tasks.data.checks.spools import group_numbers, group_starts


@dataclass
class Agreement:
    """Counts over the pairs with two or more labels; `agreed` and `compared` are those of each annotator."""

    agreed: np.ndarray  # int64 [annotators]: labels that the majority of the others gave
    compared: np.ndarray  # of so many, where the others are not divided evenly
    pairs: int = 0
    labels: int = 0
    swapped: int = 0  # labels for the answer whose key is larger
    alike: int = 0  # two labels of one pair that are the same
    couples: int = 0  # of so many
    unlike: float = 0.0  # sum over pairs of a * b / (a + b - 1), a and b its labels of either kind

    @property
    def share(self) -> float | None:
        """How often two people who label the same pair say the same."""
        return self.alike / self.couples if self.couples else None

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha for two labels, 1: all agree, 0: as if by chance; None where all labels are one.

        Krippendorff 2011, Computing Krippendorff's alpha-reliability: 1 - (n - 1) o / (n0 n1), o the coincidences of
        unlike labels.
        """
        by_chance = self.swapped * (self.labels - self.swapped)
        return 1 - (self.labels - 1) * self.unlike / by_chance if by_chance else None

    def report(self) -> dict[str, object]:
        """Its part of the report; nulls where nobody labelled what another did."""
        return {"pairs": self.pairs, "labels": self.labels, "share": _rounded(self.share),
                "krippendorff_alpha": _rounded(self.alpha)}


def agreement(known: Known, annotators: np.ndarray) -> Agreement:
    """Count agreement, a partition of pairs at a time; a second label by the same person does not count.

    Args:
        annotators: sorted keys of those of whom more is asked.
    """
    found = Agreement(np.zeros(len(annotators), np.int64), np.zeros(len(annotators), np.int64))
    if not len(annotators):
        return found
    for records in known.keys["label"].partitions():
        rows = records["row"] >> 1
        who = known.annotators.rows(rows)
        kept = known.met(rows) & (who != NO_ONE)
        take_in(found, group_numbers(group_starts(records["key"]))[kept], who[kept],
             (records["row"][kept] & 1).astype(np.int64), annotators)
    return found


def take_in(found: Agreement, pairs: np.ndarray, who: np.ndarray, labels: np.ndarray, annotators: np.ndarray) -> None:
    """Count labels, whole pairs at a time: the number of the pair, the annotator's key and 0 or 1, of each."""
    order = np.lexsort((who, pairs))  # stable: of a person's labels of one pair the first stays
    pairs, who, labels = pairs[order], who[order], labels[order]
    once = np.concatenate([np.ones(min(1, len(pairs)), bool), (pairs[1:] != pairs[:-1]) | (who[1:] != who[:-1])])
    pairs, who, labels = pairs[once], who[once], labels[once]
    if not len(pairs):
        return
    several = np.bincount(pairs)[pairs] > 1
    pairs, who, labels = pairs[several], who[several], labels[several]
    if not len(pairs):
        return
    pairs = group_numbers(group_starts(pairs))
    size, ones = np.bincount(pairs), np.bincount(pairs, labels).astype(np.int64)
    zeros = size - ones
    found.pairs += len(size)
    found.labels += len(labels)
    found.swapped += int(ones.sum())
    found.alike += int((ones * (ones - 1) + zeros * (zeros - 1)).sum()) // 2
    found.couples += int((size * (size - 1)).sum()) // 2
    found.unlike += float((ones * zeros / (size - 1)).sum())
    alike = np.where(labels == 1, ones[pairs], zeros[pairs]) - 1
    against = size[pairs] - 1 - alike
    places = np.minimum(np.searchsorted(annotators, who), len(annotators) - 1)
    asked = (annotators[places] == who) & (alike != against)
    np.add.at(found.compared, places[asked], 1)
    np.add.at(found.agreed, places[asked], (alike > against)[asked].astype(np.int64))


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
