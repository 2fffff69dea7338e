"""How the rows of checked files are spread: lengths, labels and splits, as counts and quantiles. No text of a row."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.data_config import Kind
from tasks.data.checks.scripts import SCRIPTS, script_of
from tasks.data.preparing.batches import read_rows_in_batches
from tasks.data.reading.printable import is_plain
from tasks.data.rows.labels import GOOD
from tasks.data.rows.schema import TEXTS

BATCH_ROWS = 5000
TOPICS_AT_MOST = 10_000  # that are counted; of later ones nothing is told
TOPICS_NAMED = 50
QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}


def distributions(checked: Mapping[Kind, Path]) -> dict[str, dict[str, Any]]:
    """Of each kind: `rows`, `splits`, `characters` of each text, and `labels`.

    Lengths are in characters of Unicode. Of comparisons `labels` says which share has the longer answer as the chosen
    one, how many rows name a margin or an annotator, the mean margin, and how many annotators there are; of labelled
    answers which share is good.

    For comparing versions there are counts too: `lengths` of each text by the lower end of half an octave, `longer_by`
    (of comparisons: half octaves by which chosen is longer than rejected), `answers` by their label, `scripts`, and
    `topics` where rows name any.
    """
    return {kind: _of(kind, path) for kind, path in checked.items()}


def _of(kind: Kind, path: Path) -> dict[str, Any]:
    written = tuple(name for name in TEXTS[kind] if name != "label")
    lengths = {name: array("q") for name in written}
    splits, labels = Counter[str](), _Labels()
    scripts, topics, longer_by, answers = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for batch in read_rows_in_batches(path, BATCH_ROWS):
        for row in batch:
            splits[row["split"]] += 1
            labels.meet(row)
            scripts[SCRIPTS[script_of([row[name] for name in written])]] += 1
            if "topic" in row and (row["topic"] in topics or len(topics) < TOPICS_AT_MOST):
                topics[row["topic"]] += 1
            if "chosen" in row:
                longer_by[str(half_octave(len(row["chosen"])) - half_octave(len(row["rejected"])))] += 1
            if "label" in row:
                answers[row["label"]] += 1
            for name, found in lengths.items():
                found.append(len(row[name]))
    return {"rows": splits.total(), "splits": dict(sorted(splits.items())),
            "characters": {name: _spread(found) for name, found in lengths.items()}, "labels": labels.said(),
            "lengths": {name: _octaves(found) for name, found in lengths.items()},
            "scripts": dict(sorted(scripts.items())),
            **({"topics": _topics(topics)} if topics else {}),
            **({"longer_by": dict(sorted(longer_by.items()))} if longer_by else {}),
            **({"answers": dict(sorted(answers.items()))} if answers else {})}


def half_octave(length: int) -> int:
    """The number n for which sqrt(2)^n <= length < sqrt(2)^(n + 1); 0 for none."""
    return max(0, (length * length).bit_length() - 1)


def _octaves(lengths: "array[int]") -> dict[str, int]:
    """Lower end of each half octave, in characters -> how many texts."""
    counts = Counter(half_octave(length) for length in lengths)
    return {str(math.ceil(2 ** (place / 2))): counts[place] for place in sorted(counts)}


def _topics(topics: Counter[str]) -> dict[str, int]:
    """The commonest by name, unless the name may be data rather than a name; the others together."""
    said = {name: number for name, number in topics.most_common(TOPICS_NAMED) if is_plain(name)}
    rest = topics.total() - sum(said.values())
    return dict(sorted(said.items())) | ({"(others)": rest} if rest else {})


class _Labels:
    """What annotators said, counted."""

    def __init__(self) -> None:
        self._pairs = self._longer = self._named = self._labelled = self._good = 0
        self._annotators: set[str] = set()
        self._margins = array("d")

    def meet(self, row: Mapping[str, Any]) -> None:
        if "chosen" in row:
            self._pairs += 1
            self._longer += len(row["chosen"]) > len(row["rejected"])
        if "label" in row:
            self._labelled += 1
            self._good += row["label"] == GOOD
        if "margin" in row:
            self._margins.append(row["margin"])
        if "annotator" in row:
            self._named += 1
            self._annotators.add(row["annotator"])

    def said(self) -> dict[str, float | int]:
        longer = {"longer_is_chosen": round(self._longer / self._pairs, 4)} if self._pairs else {}
        margin = {"mean_margin": round(math.fsum(self._margins) / len(self._margins), 4)} if self._margins else {}
        good = {"good": round(self._good / self._labelled, 4)} if self._labelled else {}
        return {**longer, **good, "with_margin": len(self._margins), **margin, "with_annotator": self._named,
                "annotators": len(self._annotators)}


def _spread(numbers: "array[int]") -> dict[str, float]:
    """Quantiles by the nearest rank, and the mean; empty where there is no number."""
    if not numbers:
        return {}
    ordered = np.sort(np.asarray(numbers))
    ranks = {name: int(ordered[max(0, math.ceil(share * len(ordered)) - 1)]) for name, share in QUANTILES.items()}
    return {**ranks, "mean": round(int(ordered.sum()) / len(ordered), 1)}
