"""Who waits for news hears of it: a signed message for each promotion, refusal, rollback, wait and crash.

A message tells what is in the ledger already, and whether it arrived goes into the ledger too. What became of a message
never changes what became of a run.
"""

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flows.promotion.aliases import Mover
from flows.telling.webhook import WEBHOOK, Delivery, Patience, Receiver, receiver_of, send
from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import HallmarkError
from tasks.records.chain import Entry
from tasks.records.ledger import Ledger
from tasks.records.signatures import load_or_make_key

PATIENCE = Patience()
HURRIED = Patience(tries=1, timeout_seconds=3.0)  # whoever cancels a run does not wait for a receiver
TOLD, FAILED = "notified", "notification failed"
OF_RUNS = {"refused": "run.refused", "waiting for approval": "run.waiting", "crashed": "run.crashed"}


def receiver() -> Receiver | None:
    """Who is to be told; None where HALLMARK_WEBHOOK is not set. Raises Misused where it names no place to send to."""
    url = os.environ.get(WEBHOOK, "").strip()
    return receiver_of(url) if url else None


@contextmanager
def telling(run: Mover) -> Iterator[None]:
    """Refuse an unusable receiver before anything is done, and tell what was recorded inside, however it ended."""
    receiver()
    try:
        yield
    except BaseException as fault:
        tell(run, hurried=not isinstance(fault, Exception))
        raise
    tell(run)


def tell(run: Mover, *, hurried: bool = False) -> None:
    """Send what this run recorded, or found of killed ones, and nobody was told yet. Raises nothing of its own.

    Args:
        hurried: one short try each, where somebody waits for the end.
    """
    try:
        to = receiver()
        if to is None:
            return
        for entry in _untold(run.ledger.entries(), run.id):
            _tell(run, to, entry, HURRIED if hurried else PATIENCE)
    except HallmarkError as error:
        print(f"no notification: {error.message()}", file=sys.stderr)


def _untold(entries: list[Entry], run_id: str) -> list[Entry]:
    told = {entry.payload["entry"] for entry in entries if entry.kind in (TOLD, FAILED)}
    return [entry for entry in entries if event_of(entry) and entry.index not in told
            and run_id in (entry.payload.get("run"), entry.payload.get("found_by"))]


def _tell(run: Mover, to: Receiver, entry: Entry, patience: Patience) -> None:
    message_id = f"msg_{entry.hash[:32]}"  # of the entry, so that the same news has the same id for ever
    delivery = send(to, load_or_make_key(run.home), message_id, canonical_json(message(entry)), patience)
    said: dict[str, Any] = {"event": event_of(entry), "entry": entry.index, "id": message_id, "host": to.host,
                            "tries": delivery.tries}
    if not delivery.fault:
        run.record(TOLD, **said)
        return
    run.record(FAILED, **said, fault=delivery.fault)
    print(f"no notification of {event_of(entry)} reached {to.host} in {delivery.tries} tries: {delivery.fault}",
          file=sys.stderr)


def event_of(entry: Entry) -> str | None:
    """The type of the message about an entry; None where nobody is told."""
    if entry.kind == "promoted":
        return "champion.rolled_back" if entry.payload.get("rollback") else "champion.promoted"
    if entry.kind == "promotion undone":
        return "champion.promotion_undone"
    return OF_RUNS.get(str(entry.payload["outcome"])) if entry.kind == "run finished" else None


def message(entry: Entry) -> dict[str, Any]:
    """What is sent: digests, names and the reason as it stands in the ledger; no row's text."""
    said = entry.payload
    reason = said.get("reason") or said.get("rollback") or said.get("override") or said.get("error") or ""
    return {"type": event_of(entry), "timestamp": entry.time, "data": {
        "run": said.get("run"), "outcome": said.get("outcome") or entry.kind, "reason": reason,
        "name": said.get("name"), "version": said.get("version"),
        "digest": said.get("digest") or said.get("candidate"), "ledger": {"index": entry.index, "head": entry.hash}}}


def send_test(ledger: Ledger, to: Receiver) -> Delivery:
    """Send a message of type `test`, which tells nothing but how far the ledger goes."""
    data = {"ledger": {"index": len(ledger.entries()) - 1, "head": ledger.head()}}
    body = canonical_json({"type": "test", "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "data": data})
    return send(to, load_or_make_key(ledger.home), f"msg_test{uuid.uuid4().hex}", body, HURRIED)
