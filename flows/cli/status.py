"""hallmark status: who is champion, who waits, how the last run ended. Answered from the ledger alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.cli import place
from flows.promotion import history
from flows.workspace import holder, is_held
from tasks.contracts.config import Params, load_params
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.promotion.consent import Entry
    from tasks.records.ledger import Ledger


def command(json: place.Json = False) -> None:
    """Champion, waiting versions, last run.

    Answered from the ledger alone, so it needs no server.
    """
    place.enter()
    answer = read(load_params())
    if json:
        place.show_json(answer)
    else:
        show(answer)


def read(params: Params) -> dict[str, Any]:
    """The answer, with the keys that docs/commands.md lists."""
    ledger = place.ledger()
    entries = ledger.entries()
    name = params.promotion.policy_model
    return {
        "champion": history.as_json(history.champion(entries, name)),
        "challengers": [history.as_json(one) for one in history.challengers(entries, name)],
        "pending_approvals": pending(entries, params) if params.promotion.approvals else [],
        "last_run": last_run(history.last_run(entries)),
        "ledger": {"entries": len(entries), "head": ledger.head()},
        "forgotten": forgotten(ledger),
    }


def forgotten(ledger: "Ledger") -> dict[str, list[str]]:
    """What erasures left to be done: rows that the champion learned from, and erasures that have not ended."""
    if not ledger.entries_of(["row forgotten"]):
        return {"champion_learned_from": [], "open": []}
    from flows.erasure.affected import FINISHED, FORGOTTEN, champion_learned_from, open_erasures
    from flows.lineage.versions import told

    return {"champion_learned_from": champion_learned_from(ledger),
            "open": list(open_erasures(told(ledger.entries_of([FORGOTTEN, FINISHED]))))}


def pending(entries: "Sequence[Entry]", params: Params) -> list[dict[str, Any]]:
    """Versions that wait: how many signatures they want, whose count now, and until when the wait lasts."""
    from flows.promotion import consent
    from tasks.records.approvals import in_utc, read_approvers

    settings, now = params.promotion, datetime.now(UTC)
    cases = consent.waiting(entries, settings.policy_model, now)
    approvers = read_approvers(Path.cwd()) if cases else ()
    return [{
        "version": one.version, "digest": one.digest, "wanted": settings.approvals,
        "approved_by": consent.signers(one, approvers, "approve", four_eyes=settings.four_eyes, now=now)[0],
        "bundle": one.bundle, "expires": in_utc(one.asked_until) if one.asked_until else None} for one in cases]


def last_run(found: tuple[str, str] | None) -> dict[str, str] | None:
    """The last run; one that never finished and holds no lock was killed, though no entry says so yet."""
    if found is None:
        return None
    run, outcome = found
    if outcome == "running" and not is_held(home()):
        outcome = "crashed"
    return {"id": run, "outcome": outcome}


def show(answer: dict[str, Any]) -> None:
    champion, last = answer["champion"], answer["last_run"]
    print("champion   " + (f"version {champion['version']}, {champion['digest'][:12]}, since {champion['since'][:16]}Z"
                           if champion else "none yet; `hallmark retrain` makes the first"))
    if champion and champion["override"]:
        print(f"OVERRIDE   the gate refused it and was overridden: {champion['override']}")
    if answer["forgotten"]["champion_learned_from"]:
        print(f"FORGOTTEN  the champion learned from {len(answer['forgotten']['champion_learned_from'])} row(s) that "
              "were forgotten since; `hallmark retrain` makes its successor")
    for one in answer["forgotten"]["open"]:
        print(f"FORGOTTEN  the erasure {one} has not ended; give `hallmark data forget` with its rows again")
    for one in answer["challengers"]:
        print(f"challenger version {one['version']}, {one['digest'][:12]}, since {one['since'][:16]}Z")
    for one in answer["pending_approvals"]:
        print(f"waiting    version {one['version']} wants {one['wanted']} approval(s), has {len(one['approved_by'])}"
              + (f", until {one['expires']}" if one["expires"] else ""))
    running = f", {holder(home())}" if last and last["outcome"] == "running" else ""
    print(f"last run   {last['id']}: {last['outcome']}{running}" if last else "last run   none")
    print(f"ledger     {answer['ledger']['entries']} entries, head {answer['ledger']['head'][:12]}")
