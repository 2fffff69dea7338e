"""Erasure: a row leaves data, stores and outputs. Its id stays, and no version that learned from it is promoted again.

Every step is recorded before it is taken, and finds out itself what is left to do: after a kill the same call goes on.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flows.data import versions as data_versions
from flows.desk import Desk
from flows.erasure import unreached
from flows.erasure.affected import FINISHED, FORGOTTEN
from flows.erasure.files import held
from flows.erasure.looking import Look, Say, lines_of, searching
from flows.erasure.objects import Search, going
from flows.erasure.receipts import make_receipt
from flows.erasure.searching import holds
from flows.erasure.steps import delete_objects, kept_objects, new_version, remove_files, rewrite, shown
from flows.erasure.work import Work, end_work, keep_work
from flows.lineage.keeping import keep_file
from flows.lineage.versions import told
from flows.scheduling.data_watch import files
from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import ServiceUnreachable


def begin(desk: Desk, seen: Look, reason: str) -> Work:
    """Write the note of what is to be forgotten, so that a kill loses nothing. Call it with the workspace held."""
    before = data_versions.record(desk, "added")
    return keep_work(desk.home, Work(
        f"forget-{desk.clock():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}", desk.actor, seen.rows, reason,
        seen.needles.texts, tuple({key: one[key] for key in ("name", "version", "through")} for one in seen.affected),
        before.version if before else None, {name: len(lines) for name, lines in seen.lines.items()}, {}, {}, (), {}))


def carry_on(desk: Desk, work: Work, say: Say) -> dict[str, Any]:
    """Take every step that is left and return the payload of `erasure finished`. Call it with the workspace held.

    Raises:
        ServiceUnreachable: a remote does not answer; all else is done, and a second call goes on with it.
    """
    desk = replace(desk, id=work.id)
    say("recording what is forgotten")
    if not any(entry.payload["run"] == work.id for entry in told(desk.ledger.entries_of([FORGOTTEN]))):
        desk.record(FORGOTTEN, rows=list(work.rows), reason=work.reason, affected=list(work.affected))
    found, unread = lines_of(desk, work.rows)
    for relpath, lines in found.items():
        say(f"rewriting data/{relpath}")
        rewrite(desk.root, relpath, lines)
    say("making a data version without it")
    after = new_version(desk)
    work, silent = delete_objects(desk, work, say)
    say("removing files")
    work = remove_files(desk, work)
    if silent:
        raise _still_open(work, silent)
    say("looking for what is left")
    ended = finish(desk, work, after, [f"data/{name}, which could not be read as rows: {why}"
                                       for name, why in unread.items()])
    say("removing the note")
    end_work(desk.home, work)
    return ended


def finish(desk: Desk, work: Work, after: int | None, unread: Sequence[str]) -> dict[str, Any]:
    """Look once more everywhere, then write receipt and entry."""
    for entry in told(desk.ledger.entries_of([FINISHED])):
        if entry.payload["run"] == work.id:  # killed between the entry and the end of the note
            return entry.payload
    said = {
        "rows": list(work.rows), "data_before": work.data_before, "data_after": after,
        "deleted": {store: list(names) for store, names in work.deleted.items()}, "removed": list(work.removed),
        "not_reached": [*unread, *unreached.places(desk, work)], "remaining": remaining(desk, work)}
    receipt = keep_file(desk.home, canonical_json(make_receipt(desk.ledger, work.rows, said)))
    return dict(desk.record(FINISHED, **said, receipt=receipt).payload)


def remaining(desk: Desk, work: Work) -> list[str]:
    """Where text of the rows still lies: in data/ outside of rows, in objects, in records that nobody may rewrite."""
    with searching(desk) as (found, known, scratch, _):
        gone = going(found, Search(work.needles, desk.params.data, known, kept_objects(desk.root), scratch))
        seen = held(desk.root, desk.home, work.needles, [one.folder for one in found if one.folder])
    in_data = [path for path in files(desk.root) if holds(path, work.needles.of_text())]
    return sorted([*(shown(path, desk) for path in (*seen.goes, *seen.stays, *in_data)),
                   *(f"{store}: {name}" for store, names in gone.by_store.items() for name in names)])


def _still_open(work: Work, silent: Sequence[ServiceUnreachable]) -> ServiceUnreachable:
    return ServiceUnreachable(
        "the erasure has not ended, objects of a remote are still there: " + "; ".join(one.message() for one in silent),
        where=work.id, next_step="Everything else is done.")
