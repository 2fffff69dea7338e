"""Who labelled, by a digest of the name: how each leans, how that drifts, and who stands out.

What is compared is a share of one annotator's rows with that of all others, or of the first with the second half of
their rows: the two-proportion z-test, p-values corrected by Holm 1979 over all of them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.data.checks.annotator_keys import NO_ONE, said_name
from tasks.data.checks.known import Known
from tasks.data.checks.observations import LABELLED_BAD, LABELLED_GOOD, LONGER, SHORTER

ANNOTATORS_AT_MOST = 4096  # those with most rows; of the others nothing is told
ROWS_AT_LEAST = 20
P_AT_MOST = 0.01
DIFFERENCE_AT_LEAST = 0.15  # a smaller one is not worth a word, however sure it is
LISTED = 100
AGREES = "agrees with the majority of the others in {} of their labels, the others in {}"


@dataclass(frozen=True)
class Lean:
    """What an annotator may be inclined to: in rows that show one of two signs, the first of them."""

    towards: int  # the bit of the sign
    or_else: int  # the bit of the other
    name: str
    whole: str  # a sentence about their share and that of the others
    drift: str  # one about the shares of the first and of the second half of their rows


TO_LONGER = Lean(
    LONGER, SHORTER, "longer", "chooses the longer answer in {} of their rows, the others in {}",
    "drifts: chooses the longer answer in {} of the first half of their rows, in {} of the second")
TO_GOOD = Lean(
    LABELLED_GOOD, LABELLED_BAD, "good", "calls {} of their answers good, the others {}",
    "drifts: calls {} of the first half of their answers good, {} of the second")


@dataclass(frozen=True)
class Counts:
    """Of each annotator, int64 [annotators]; `half` arrays are [2, annotators], first and second half of their rows."""

    lean: Lean
    keys: np.ndarray  # uint64, sorted
    rows: np.ndarray
    half_shown: np.ndarray  # rows that show one of the two signs
    half_towards: np.ndarray  # of them those with the first


@dataclass(frozen=True)
class StandsOut:
    """One annotator whose share is another than it should be."""

    annotator: str
    what: str
    share: float
    beside: float  # the share that it is held against
    p: float  # that both are the same; corrected where it is told

    def sentence(self) -> str:
        """For a warning."""
        found = self.what.format(f"{self.share:.0%}", f"{self.beside:.0%}")
        return f"annotator {self.annotator} (sha256 of the name) {found} (p = {self.p:.1g} by Holm)"


def count(known: Known, lean: Lean) -> Counts:
    """Count what each annotator did, in two passes over the rows."""
    keys, rows = _annotators(known)
    totals, seen = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    for who, _ in _labelled(known, keys, lean):
        totals += np.bincount(who, minlength=len(keys))
    shown, towards = np.zeros((2, len(keys)), np.int64), np.zeros((2, len(keys)), np.int64)
    for who, is_towards in _labelled(known, keys, lean):
        half = (2 * (seen[who] + _ranks(who)) >= totals[who]).astype(int)
        np.add.at(shown, (half, who), 1)
        np.add.at(towards, (half, who), is_towards)
        seen += np.bincount(who, minlength=len(keys))
    return Counts(lean, keys, rows, shown, towards)


def stand_outs(counts: Counts, agreed: np.ndarray, compared: np.ndarray) -> list[StandsOut]:
    """Annotators who lean otherwise than the others, change in time, or go against the majority.

    Args:
        agreed: int64 [annotators], labels that are those of the majority of the others; compared: of so many.
    """
    shown, towards = counts.half_shown.sum(0), counts.half_towards.sum(0)
    whole, usual = np.stack([towards, shown]), _median(towards, shown)
    halves = np.stack([counts.half_towards, counts.half_shown], axis=1)
    majority = np.stack([agreed, compared])
    asked = [
        *_compared(counts.keys, counts.lean.whole, whole, _rest(whole)),
        *_compared(counts.keys, counts.lean.drift, halves[0], halves[1]),
        *_compared(counts.keys, AGREES, majority, _rest(majority))]
    corrected = holm([one.p for one in asked])
    return [replace(one, p=p) for one, p in zip(asked, corrected, strict=True)
            if p <= P_AT_MOST and _is_odd(one, counts.lean, usual)]


def _compared(keys: np.ndarray, what: str, ours: np.ndarray, beside: np.ndarray) -> Iterator[StandsOut]:
    """One comparison for each annotator with enough rows; both arrays are [2, annotators]: successes, trials."""
    for key, (one, of), (other, among) in zip(keys.tolist(), ours.T.tolist(), beside.T.tolist(), strict=True):
        if min(of, among) >= ROWS_AT_LEAST:
            yield StandsOut(said_name(key), what, one / of, other / among, two_proportions(one, of, other, among))


def _is_odd(one: StandsOut, lean: Lean, usual: float) -> bool:
    """Far enough off; beside one odd person all others differ from their rest, so they are held to the usual too."""
    if one.what == AGREES:
        return one.beside - one.share >= DIFFERENCE_AT_LEAST
    if one.what == lean.whole and abs(one.share - usual) < DIFFERENCE_AT_LEAST:
        return False
    return abs(one.share - one.beside) >= DIFFERENCE_AT_LEAST


def _rest(counts: np.ndarray) -> np.ndarray:
    return counts.sum(axis=1, keepdims=True) - counts


def _median(part: np.ndarray, of: np.ndarray) -> float:
    """The median share of those with enough rows; 0 where there is none."""
    enough = of >= ROWS_AT_LEAST
    return float(np.median(part[enough] / of[enough])) if enough.any() else 0.0


def two_proportions(one: int, of: int, other: int, beside: int) -> float:
    """Two-sided p-value that two shares are the same, by the pooled z-test."""
    pooled = (one + other) / (of + beside)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / beside))
    return math.erfc(abs(one / of - other / beside) / spread / math.sqrt(2)) if spread else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """Step-down corrected p-values in the order given. Holm 1979, Scandinavian Journal of Statistics 6(2)."""
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = highest
    return corrected


def _annotators(known: Known) -> tuple[np.ndarray, np.ndarray]:
    """The keys of those with most rows, sorted, and how many rows each has."""
    keys, rows = np.empty(0, np.uint64), np.empty(0, np.int64)
    start = 0
    for piece in known.annotators.pieces():
        kept = piece[(piece != NO_ONE) & known.all_met(start, start + len(piece))]
        start += len(piece)
        new, counts = np.unique(kept, return_counts=True)
        keys, places = np.unique(np.concatenate([keys, new]), return_inverse=True)
        rows = np.bincount(places, np.concatenate([rows, counts]), minlength=len(keys)).astype(np.int64)
    most = np.sort(np.argsort(-rows, kind="stable")[:ANNOTATORS_AT_MOST])
    return keys[most], rows[most]


def _labelled(known: Known, keys: np.ndarray, lean: Lean) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of the rows that show one of the two signs: places in `keys`, and whether it is the first."""
    start = 0
    for who, bits in zip(known.annotators.pieces(), known.signs.pieces(), strict=True):
        met = known.all_met(start, start + len(who))
        start += len(who)
        if len(keys):
            places = np.minimum(np.searchsorted(keys, who), len(keys) - 1)
            asked = met & (keys[places] == who) & (bits & np.uint64(lean.towards | lean.or_else) != 0)
            yield places[asked], (bits[asked] & np.uint64(lean.towards) != 0).astype(np.int64)


def _ranks(who: np.ndarray) -> np.ndarray:
    """How many equal elements stand before each."""
    order = np.argsort(who, kind="stable")
    ordered = who[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(who) else np.empty(0, np.int64)
    ranks = np.empty(len(who), np.int64)
    ranks[order] = np.arange(len(who)) - np.repeat(starts, np.diff(np.r_[starts, len(who)]))
    return ranks
