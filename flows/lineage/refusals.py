"""What was refused, overridden, taken back or rejected, and why, as the ledger says it.

Pure but for the kept reports of refused data: entries in, answers out.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from flows.lineage.people import finding_facts
from flows.lineage.versions import Told

Kept = Callable[[str | None], str | None]  # digest of a kept file -> its text; None where it is not there


def refusals(entries: Sequence[Told], kept: Kept = lambda digest: None) -> list[dict[str, Any]]:
    """Each refusal in the order of the ledger: `entry`, `time`, `run`, `what`, `digest`, `version`, `by`, `why`.

    Args:
        kept: reads the report of data that were refused; without it the type of the error is all that is told.
    """
    decided = {entry.payload["run"] for entry in entries if entry.kind == "gate decided"}
    failed = {entry.payload["run"]: _failed_stage(entry, kept) for entry in entries if entry.kind == "stage failed"}
    versions = {(entry.payload["run"], entry.payload["digest"]): entry.payload["version"]
                for entry in entries if entry.kind == "registered"}
    found = []
    for entry in entries:
        what, why = _refused(entry, decided, failed)
        if what:
            said = entry.payload
            digest = said.get("candidate") or said.get("digest")
            version = said["previous"] if said.get("rollback") else said.get("version")
            found.append({
                "entry": entry.index, "time": entry.time, "run": said.get("run"), "what": what, "digest": digest,
                "version": version if version is not None else versions.get((said.get("run"), digest)),
                "by": entry.actor, "why": why})
    return found


def _failed_stage(entry: Told, kept: Kept) -> tuple[str, str]:
    """Name of the stage, and what its report says."""
    report = kept(entry.payload.get("report"))
    errors = json.loads(report)["errors"] if report else []
    return entry.payload["stage"], "; ".join(errors) or entry.payload["error"]


def _refused(entry: Told, decided: set[str], failed: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """What an entry refused, and why; both empty where it refused nothing."""
    said = entry.payload
    if entry.kind == "gate decided" and said["verdict"] == "refuse":
        return "refused by the gate", _failed_findings(said["decision"])
    if entry.kind == "run finished" and said["outcome"] == "refused" and said["run"] not in decided:
        stage, why = failed.get(said["run"], ("the flow", said["reason"]))
        return f"refused by {stage}", why
    if entry.kind == "rejected":
        return "rejected", f"{said['statement']['reason']} ({said['statement']['approver']})"
    if entry.kind == "promoted" and said.get("override"):
        return "overridden", f"{said['override']} ({', '.join(said['approvals'])})"
    if entry.kind == "promoted" and said.get("rollback"):
        return "taken back", said["rollback"]
    if entry.kind == "promotion undone" and said["refused"]:
        return "did not prove itself", said["error"]
    return ("not approved in time", "the wait for approval expired") if entry.kind == "approval expired" else ("", "")


def _failed_findings(decision: dict[str, Any]) -> str:
    found = [(one, finding_facts(one)) for one in decision["findings"] if not one["passed"]]
    return "; ".join(f"{one['metric']} wanted {said['wanted']}, found {said['found']}: {one['reason']}"
                     for one, said in found) or "no gate rule asked"
