"""What annotators left beside answers: edits, votes and ratings, and what they say of two answers."""

import math
from collections.abc import Mapping

from tasks.data.reading.strict_json import described
from tasks.data.rows.refusals import RowRefused

VOTES = ("votes_chosen", "votes_rejected")
_SMOOTHING = 0.5  # so that no votes on one side give no infinite odds


def comparison_of_edit(texts: Mapping[str, str]) -> dict[str, str]:
    """An annotator's rewrite is preferred to what it rewrites."""
    return {"prompt": texts["prompt"], "chosen": texts["edited"], "rejected": texts["original"]}


def margin_of_votes(row: Mapping[str, object]) -> float | None:
    """The log-odds of the votes, ln((chosen + 1/2) / (rejected + 1/2)); None where a row has no votes.

    A margin of a reward model is a difference of log-odds too (see tasks/rl/losses.py).

    Raises:
        RowRefused: a count is none, or the chosen answer has no more votes than the rejected one.
    """
    if any(row.get(name) is None for name in VOTES):
        return None
    chosen, rejected = (_count(name, row[name]) for name in VOTES)
    if chosen <= rejected:
        raise RowRefused("chosen has no more votes than rejected")
    return round(math.log((chosen + _SMOOTHING) / (rejected + _SMOOTHING)), 6)


def _count(name: str, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowRefused(f"{name} has the wrong type: {described(value)}, wanted a whole number")
    if value < 0:
        raise RowRefused(f"{name} is negative")
    return value
