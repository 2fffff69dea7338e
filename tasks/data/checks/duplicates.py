"""What a file holds twice: found once all of its rows are known, a partition of keys at a time."""

from collections.abc import Iterator

import numpy as np

from tasks.data.checks.known import SHARES_ID, TWIN, WITHDRAWN, Known
from tasks.data.checks.observations import Observations
from tasks.data.checks.spools import Spool, group_numbers, group_starts, side_by_side

DUPLICATE = "duplicate: the same row as "  # how the reason of an exact duplicate begins
SHARED_ID = "id is a duplicate: line {line} has it too, with another row"


def judge(known: Known, earlier: Spool) -> Iterator[tuple[int, str]]:
    """Set known.fates, and yield (line, reason) of the rows that are refused because of another row, in no order.

    The first of exact duplicates stays. Two rows that share an id are both refused, for nobody knows which of them
    the id means: the one that came first is WITHDRAWN, the others are refused where they stand.

    Args:
        earlier: keys of the rows of earlier files, whose exact duplicates are left out too.
    """
    known.fates = np.zeros(known.rows, np.uint8)
    for mine, theirs in side_by_side(known.keys["row"], earlier):
        yield from _twins(known, mine, theirs)
    for records in known.keys["id"].partitions():
        yield from _shared_ids(known, records)


def remember(known: Known, earlier: Spool) -> None:
    """Add the rows of a file that was judged to the rows of earlier files."""
    for records in known.keys["row"].partitions():
        new = records[known.fates[records["row"]] != TWIN]
        earlier.add(new["key"], new["row"])


def notice(known: Known, observations: Observations, *, contradiction: str = "contradiction") -> np.ndarray:
    """Notice rows that repeat others, or do so but for signs and spaces, and pairs or labels that others contradict.

    Args:
        contradiction: the sign of the second.

    Returns the first two kinds as bool [rows].
    """
    same, near = _repeat(known, "texts"), _repeat(known, "letters")
    observations.add("same texts", known.lines.rows(np.flatnonzero(same)))
    observations.add("near duplicate", known.lines.rows(np.flatnonzero(near & ~same)))
    for records in known.keys["label"].partitions():
        records = records[known.met(records["row"] >> 1)]
        observations.add(contradiction, known.lines.rows(_contradictions(records)))
    return near


def _repeat(known: Known, name: str) -> np.ndarray:
    """Rows that have the key of an earlier one: bool [rows]."""
    found = np.zeros(known.rows, bool)
    for records in known.keys[name].partitions():
        records = records[known.met(records["row"])]
        found[records["row"][~group_starts(records["key"])]] = True
    return found


def most_repeated_answer(known: Known) -> tuple[int, int]:
    """How many rows have an answer, and how many of them the commonest one."""
    answers = most = 0
    for records in known.keys["answer"].partitions():
        keys = records["key"][known.met(records["row"])]
        answers += len(keys)
        if len(keys):
            most = max(most, int(np.bincount(group_numbers(group_starts(keys))).max()))
    return answers, most


def count_prompts(known: Known) -> int:
    """How many different prompts there are."""
    return sum(len(known.first_prompts(records)) for records in known.keys["prompt"].partitions())


def _twins(known: Known, records: np.ndarray, earlier: np.ndarray) -> Iterator[tuple[int, str]]:
    starts = group_starts(records["key"])
    firsts = records["row"][starts][group_numbers(starts)]
    elsewhere = is_in_sorted(records["key"], earlier["key"])
    twins = ~starts | elsewhere
    known.fates[records["row"][twins]] = TWIN
    lines, others = known.lines.rows(records["row"][twins]), known.lines.rows(firsts[twins])
    for line, other, in_other_file in zip(lines.tolist(), others.tolist(), elsewhere[twins].tolist(), strict=True):
        yield line, f"{DUPLICATE}{'in another source' if in_other_file else f'on line {other}'}"


def _shared_ids(known: Known, records: np.ndarray) -> Iterator[tuple[int, str]]:
    records = records[known.fates[records["row"]] != TWIN]
    starts = group_starts(records["key"])
    groups = group_numbers(starts)
    shared = np.bincount(groups)[groups] > 1 if len(groups) else np.zeros(0, bool)
    rows, first = records["row"][shared], starts[shared]
    known.fates[rows] = np.where(first, WITHDRAWN, SHARES_ID)
    begins = np.flatnonzero(first)
    others = np.where(first, np.roll(rows, -1), rows[begins][group_numbers(first)] if len(rows) else rows)
    for line, other in zip(known.lines.rows(rows).tolist(), known.lines.rows(others).tolist(), strict=True):
        yield line, SHARED_ID.format(line=other)


def _contradictions(records: np.ndarray) -> np.ndarray:
    """Rows whose two answers an earlier row with the same prompt has the other way round."""
    rows, swapped = records["row"] >> 1, (records["row"] & 1).astype(bool)
    groups = group_numbers(group_starts(records["key"]))
    firsts = np.full((2, int(groups[-1]) + 1 if len(groups) else 0), np.iinfo(np.int64).max)
    for way in (False, True):
        of_way = groups[swapped == way]
        begins = group_starts(of_way)
        firsts[int(way), of_way[begins]] = rows[swapped == way][begins]
    return rows[rows > firsts[1 - swapped.astype(int), groups]]


def is_in_sorted(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """True for each key that is among sorted ones."""
    if not len(among):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return among[places] == keys
