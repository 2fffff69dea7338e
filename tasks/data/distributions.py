"""How the rows of checked files are spread: lengths, labels and splits, as counts and quantiles. No text of a row."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.data_config import Kind
from tasks.data.batches import read_rows_in_batches
from tasks.data.schema import TEXTS

BATCH_ROWS = 5000
QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}


def distributions(checked: Mapping[Kind, Path]) -> dict[str, dict[str, Any]]:
    """Of each kind: `rows`, `splits`, `characters` of each text, and `labels`.

    Lengths are in characters of Unicode. Of comparisons `labels` says which share has the longer answer as the chosen
    one, how many rows name a margin or an annotator, the mean margin, and how many annotators there are.
    """
    return {kind: _of(kind, path) for kind, path in checked.items()}


def _of(kind: Kind, path: Path) -> dict[str, Any]:
    lengths = {name: array("q") for name in TEXTS[kind]}
    splits, labels = Counter[str](), _Labels()
    for batch in read_rows_in_batches(path, BATCH_ROWS):
        for row in batch:
            splits[row["split"]] += 1
            labels.meet(row)
            for name, found in lengths.items():
                found.append(len(row[name]))
    return {"rows": splits.total(), "splits": dict(sorted(splits.items())),
            "characters": {name: _spread(found) for name, found in lengths.items()}, "labels": labels.said()}


class _Labels:
    """What annotators said, counted."""

    def __init__(self) -> None:
        self._pairs = self._longer = self._named = 0
        self._annotators: set[str] = set()
        self._margins = array("d")

    def meet(self, row: Mapping[str, Any]) -> None:
        if "chosen" in row:
            self._pairs += 1
            self._longer += len(row["chosen"]) > len(row["rejected"])
        if "margin" in row:
            self._margins.append(row["margin"])
        if "annotator" in row:
            self._named += 1
            self._annotators.add(row["annotator"])

    def said(self) -> dict[str, float | int]:
        longer = {"longer_is_chosen": round(self._longer / self._pairs, 4)} if self._pairs else {}
        margin = {"mean_margin": round(math.fsum(self._margins) / len(self._margins), 4)} if self._margins else {}
        return {**longer, "with_margin": len(self._margins), **margin, "with_annotator": self._named,
                "annotators": len(self._annotators)}


def _spread(numbers: "array[int]") -> dict[str, float]:
    """Quantiles by the nearest rank, and the mean; empty where there is no number."""
    if not numbers:
        return {}
    ordered = np.sort(np.asarray(numbers))
    ranks = {name: int(ordered[max(0, math.ceil(share * len(ordered)) - 1)]) for name, share in QUANTILES.items()}
    return {**ranks, "mean": round(int(ordered.sum()) / len(ordered), 1)}
