"""Ratings of single answers, grouped by prompt: each two answers of one prompt, the better rated one is the chosen one.

A rating is a label, good or bad (true or false too), or a number such as 1 to 5. What several people say of one answer
counts as its mean. Memory: two numbers a rating; the texts of one prompt at a time.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np

from tasks.contracts.errors import DataRefused
from tasks.data.reading.formats import read_rows
from tasks.data.reading.printable import printable_path
from tasks.data.reading.raw_rows import RawRow
from tasks.data.reading.strict_json import NUMBER_AT_MOST, described
from tasks.data.rows.normal_text import key
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.row_meta import META
from tasks.data.rows.schema import renamed

ANSWERS_AT_MOST = 16  # of one prompt; with more, one prompt would be most of what is learned
LABELS = {"good": 1.0, "bad": 0.0}
_SHARED = tuple(name for name in META if name not in ("id", "margin"))


class Compared(NamedTuple):
    """A comparison that two ratings, or means of ratings, make."""

    row: RawRow  # its line is that of the chosen answer
    lines: tuple[int, ...]  # every line that it is made of


@dataclass
class Ratings:
    """The comparisons of a file of ratings, and what was not compared.

    Attributes:
        read: ratings; compared: comparisons; alone: ratings of prompts without an answer that is rated otherwise.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    read: int = 0
    compared: int = 0
    alone: int = 0

    def rows(self, _: Path | None = None) -> Iterator[RawRow]:
        """The broken lines first, then the comparisons, prompts in the order of their first line.

        Raises:
            DataRefused: the file cannot be read, or no two answers can be compared.
        """
        for one in self.comparisons():
            yield one.row

    def comparisons(self) -> Iterator[Compared]:
        """As `rows`, with all lines of each."""
        with TemporaryFile() as spool:
            keys, places = array("Q"), array("q")
            for raw in read_rows(self.path):
                try:
                    rated = _rated(raw, self.columns)
                except RowRefused as refusal:
                    yield Compared(RawRow(raw.line, None, str(refusal)), (raw.line,))
                    continue
                keys.append(key(str(rated["prompt"])))
                places.append(spool.tell())
                spool.write(json.dumps(rated).encode() + b"\n")
            self.read = len(keys)
            yield from self._grouped(spool, np.array(keys, np.uint64), np.array(places, np.int64))
        if self.read and not self.compared:
            raise DataRefused("no two answers to one prompt are rated differently", where=printable_path(self.path),
                              wanted="ratings of several answers to the same prompt",
                              next_step="To learn from each answer alone, good or bad, read the file as kind: labels "
                                        "in params.yaml (data.sources[].kind; numbers need good_from too).")

    def warning(self) -> str:
        """What was not compared, in words; empty where all was."""
        if not self.alone:
            return ""
        return (f"{self.alone:,} of {self.read:,} ratings are left out: no other answer to their prompt is rated "
                "otherwise")

    def _grouped(self, spool: IO[bytes], keys: np.ndarray, places: np.ndarray) -> Iterator[Compared]:
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0]) if len(order) else np.array([], np.int64)
        ends = np.r_[starts[1:], len(order)]
        for group in np.argsort(order[starts], kind="stable"):  # by the first line of each
            members = order[starts[group]:ends[group]]
            yield from self._of_prompt([_at(spool, int(place)) for place in places[members]])

    def _of_prompt(self, ratings: Sequence[Mapping[str, object]]) -> Iterator[Compared]:
        answers: dict[str, list[Mapping[str, object]]] = {}
        for one in ratings:
            answers.setdefault(str(one["response"]), []).append(one)
        found = list(_compared(list(answers.values())[:ANSWERS_AT_MOST]))
        used = {line for one in found for line in one.lines}
        self.compared += len(found)
        self.alone += sum(one["line"] not in used for one in ratings)
        yield from found


def _compared(answers: Sequence[Sequence[Mapping[str, object]]]) -> Iterator[Compared]:
    means = [fmean(float(str(one["rating"])) for one in ratings) for ratings in answers]
    for left, right in combinations(range(len(answers)), 2):
        if means[left] != means[right]:
            chosen, rejected = sorted((left, right), key=lambda place: -means[place])
            yield _comparison(answers[chosen], answers[rejected])


def _comparison(chosen: Sequence[Mapping[str, object]], rejected: Sequence[Mapping[str, object]]) -> Compared:
    every = [*chosen, *rejected]
    shared = {name: every[0][name] for name in _SHARED
              if name in every[0] and all(one.get(name) == every[0][name] for one in every)}
    texts = {"prompt": every[0]["prompt"], "chosen": chosen[0]["response"], "rejected": rejected[0]["response"]}
    lines = tuple(int(str(one["line"])) for one in every)
    return Compared(RawRow(lines[0], {**texts, **shared}, ""), lines)


def _rated(raw: RawRow, columns: Mapping[str, str]) -> dict[str, object]:
    """The line, prompt, response, number and known fields of a rating. Raises RowRefused where it is none."""
    if raw.value is None:
        raise RowRefused(raw.fault)
    row = renamed(raw.value, columns)
    for name in ("prompt", "response"):
        if not isinstance(row.get(name), str) or not str(row[name]).strip():
            raise RowRefused(f"{name} is missing, empty or no string")
    known = {name: row[name] for name in _SHARED if row.get(name) is not None}
    return {"line": raw.line, "prompt": row["prompt"], "response": row["response"],
            "rating": number_of(row.get("rating")), **known}


def number_of(rating: object) -> float:
    """A rating as a number; a label is 1 or 0. Raises RowRefused for what is none."""
    if isinstance(rating, str) and rating.strip().lower() in LABELS:
        return LABELS[rating.strip().lower()]
    if isinstance(rating, bool | int | float) and abs(rating) <= NUMBER_AT_MOST:  # this way round: NaN is none
        return float(rating)
    said = "a string that is neither" if isinstance(rating, str) else described(rating)
    raise RowRefused(f"rating has the wrong type: {said}, wanted good, bad or a number")


def _at(spool: IO[bytes], place: int) -> Mapping[str, object]:
    spool.seek(place)
    found: Mapping[str, object] = json.loads(spool.readline())
    return found
