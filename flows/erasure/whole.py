"""A whole erasure with the workspace held: what was left open first, then the rows that are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

from flows import workspace
from flows.desk import Desk
from flows.erasure.affected import FINISHED, champion_learned_from
from flows.erasure.forget import begin, carry_on
from flows.erasure.looking import Look, Say, lines_of, look
from flows.erasure.work import Work, open_work
from flows.lineage.versions import told
from flows.run import close_crashed
from flows.running.groups import Groups
from tasks.contracts.errors import Misused, Refused


def forget_rows(
    desk: Desk, rows: Sequence[str], reason: str, say: Say, confirmed: Callable[[Look], bool]
) -> dict[str, Any]:
    """Forget rows and say what was done. Erasures that were begun and not ended are ended first.

    Args:
        confirmed: asked with what is about to be deleted, not for an erasure that is gone on with.

    Returns:
        The payload of `erasure finished` and `erasure`, `affected`, `rewritten`, `already` (rows that were forgotten
        before and are nowhere in data/), `champion_learned_from_them`.

    Raises:
        WorkspaceBusy: a run or another erasure is at work here.
        Refused: it was not confirmed; nothing was changed.
        Misused: nobody knows one of the rows.
        ServiceUnreachable: a remote does not answer; what is left to do is kept, and a second call goes on with it.
    """
    with workspace.hold(desk.home):
        close_crashed(desk, Groups(desk.home))  # what a killed run left at work would write the rows again
        ended = [_ended(work, carry_on(desk, work, say)) for work in open_work(desk.home)]
        done = {row for one in ended for row in one["rows"]}
        already = sorted(set(rows) - done - set(left_to_forget(desk, [row for row in rows if row not in done])))
        wanted = [row for row in rows if row not in done and row not in already]
        if wanted:
            seen = look(desk, wanted, say)
            refuse_quoting(reason, seen)
            if not confirmed(seen):
                raise Refused("was not confirmed; nothing was changed")
            work = begin(desk, seen, reason)
            ended.append(_ended(work, carry_on(desk, work, say)))
    return _together(ended, already) | {"champion_learned_from_them": champion_learned_from(desk.ledger)}


def refuse_quoting(reason: str, seen: Look) -> None:
    """Raise Misused for a reason that quotes a row: it stands in the ledger for ever."""
    if any(text in reason for text in seen.needles.texts):
        raise Misused("the reason quotes the row that is to be forgotten", where="--reason",
                      wanted="a reason without text of the row, which stays in the ledger for ever")


def left_to_forget(desk: Desk, rows: Sequence[str]) -> list[str]:
    """Of some rows those whose erasure has not ended, or that have come back into data/."""
    ended = {row for one in told(desk.ledger.entries_of([FINISHED])) for row in one.payload["rows"]}
    back = {found.row for lines in lines_of(desk, [row for row in rows if row in ended])[0].values() for found in lines}
    return [row for row in rows if row not in ended or row in back]


def _ended(work: Work, payload: dict[str, Any]) -> dict[str, Any]:
    return {"erasure": work.id, "affected": [dict(one) for one in work.affected], "rewritten": dict(work.rewritten),
            **{key: value for key, value in payload.items() if key != "run"}}


def _together(ended: Sequence[dict[str, Any]], already: Sequence[str]) -> dict[str, Any]:
    """The last erasure's answer; `also` has those that were left open before."""
    nothing: dict[str, Any] = {
        "erasure": None, "rows": [], "affected": [], "rewritten": {}, "data_before": None, "data_after": None,
        "deleted": {}, "removed": [], "not_reached": [], "remaining": [], "receipt": None}
    return (ended[-1] if ended else nothing) | {"already": list(already), "also": list(ended[:-1])}
