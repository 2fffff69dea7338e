"""What is told of a file in numbers worth a warning or not: scripts, length, label markers, annotators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.data.checks.agreement import Agreement, agreement
from tasks.data.checks.annotator_keys import said_name
from tasks.data.checks.annotators import LISTED, TO_GOOD, TO_LONGER, Counts, StandsOut, count, stand_outs
from tasks.data.checks.balance import Balance, wilson_low
from tasks.data.checks.known import Known
from tasks.data.checks.markers import Marker, Markers
from tasks.data.checks.scripts import SCRIPTS


@dataclass(frozen=True)
class Profile:
    """The numbers of one file; no text of a row and no name."""

    balance: Balance
    scripts: Mapping[str, int]  # rows by the script of most of their letters
    marker: Marker | None
    counts: Counts
    agreement: Agreement
    stand_outs: tuple[StandsOut, ...]

    def warnings(self) -> list[str]:
        """A sentence for each thing that stands out."""
        marker = [self.marker.sentence()] if self.marker and self.marker.stands_out else []
        return [*self.balance.warnings(), *marker, *(one.sentence() for one in self.stand_outs)]

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return {"scripts": dict(self.scripts), "length": self._length(),
                "label_marker": self.marker.report() if self.marker else None,
                "most_repeated_answer": {"rows": self.balance.most_repeated, "of": self.balance.answers},
                "agreement": self.agreement.report(), "annotators": self._annotators(), **self._labels()}

    def _labels(self) -> dict[str, Any]:
        """How many answers were labelled good and bad, where any was."""
        good, bad = self.balance.good, self.balance.bad
        return {"labels": {"good": good, "bad": bad}} if good + bad else {}

    def _length(self) -> dict[str, Any]:
        """How far the longer answer would be right, with the lower end of its interval."""
        pairs = self.balance.longer + self.balance.shorter
        share = {"longer_is_chosen": round(self.balance.longer / pairs, 4),
                 "at_least": round(wilson_low(self.balance.longer, pairs), 4)} if pairs else {}
        return {"longer": self.balance.longer, "shorter": self.balance.shorter, **share}

    def _annotators(self) -> list[dict[str, Any]]:
        """Those with most rows, each by the first digits of the sha256 of the name."""
        counts, found = self.counts, self.agreement
        most = np.argsort(-counts.rows, kind="stable")[:LISTED].tolist()
        return [{"annotator": said_name(int(counts.keys[place])), "rows": int(counts.rows[place]),
                 f"{counts.lean.name}_first_half": _share(counts.half_towards[0, place], counts.half_shown[0, place]),
                 f"{counts.lean.name}_second_half": _share(counts.half_towards[1, place], counts.half_shown[1, place]),
                 "with_majority": _share(found.agreed[place], found.compared[place]),
                 "compared": int(found.compared[place])} for place in most]


def profile(known: Known, markers: Markers, balance: Balance) -> Profile:
    """Sum up what is known of a file whose rows were judged."""
    counts = count(known, TO_GOOD if balance.good + balance.bad else TO_LONGER)
    found = agreement(known, counts.keys)
    return Profile(balance, _scripts(known), markers.strongest(), counts, found,
                   tuple(stand_outs(counts, found.agreed, found.compared)))


def _scripts(known: Known) -> dict[str, int]:
    start, counts = 0, np.zeros(len(SCRIPTS), np.int64)
    for piece in known.scripts.pieces():
        counts += np.bincount(piece[known.all_met(start, start + len(piece))], minlength=len(SCRIPTS))
        start += len(piece)
    return {name: number for name, number in zip(SCRIPTS, counts.tolist(), strict=True) if number}


def _share(part: int, of: int) -> float | None:
    return round(int(part) / int(of), 4) if of else None
