"""What was refused, taken back or rejected, and why, as the ledger says it.

Pure: entries in, answers out.
"""

from collections.abc import Sequence
from typing import Any

from flows.lineage.people import finding_facts
from flows.lineage.versions import Told


def refusals(entries: Sequence[Told]) -> list[dict[str, Any]]:
    """Each refusal in the order of the ledger: `entry`, `time`, `run`, `what`, `digest`, `version`, `by`, `why`."""
    decided = {entry.payload["run"] for entry in entries if entry.kind == "gate decided"}
    failed = {entry.payload["run"]: entry.payload["stage"] for entry in entries if entry.kind == "stage failed"}
    found = []
    for entry in entries:
        what, why = _refused(entry, decided, failed)
        if what:
            said = entry.payload
            found.append({
                "entry": entry.index, "time": entry.time, "run": said.get("run"), "what": what,
                "digest": said.get("candidate") or said.get("digest"),
                "version": said["previous"] if said.get("rollback") else said.get("version"), "by": entry.actor,
                "why": why})
    return found


def _refused(entry: Told, decided: set[str], failed: dict[str, str]) -> tuple[str, str]:
    """What an entry refused, and why; both empty where it refused nothing."""
    said = entry.payload
    if entry.kind == "gate decided" and said["verdict"] == "refuse":
        return "refused by the gate", _failed_findings(said["decision"])
    if entry.kind == "run finished" and said["outcome"] == "refused" and said["run"] not in decided:
        stage = failed.get(said["run"])
        return (f"refused by {stage}" if stage else "refused by the flow"), said["reason"]
    if entry.kind == "rejected":
        return "rejected", f"{said['statement']['reason']} ({said['statement']['approver']})"
    if entry.kind == "promoted" and said.get("rollback"):
        return "taken back", said["rollback"]
    if entry.kind == "promotion undone" and said["refused"]:
        return "did not prove itself", said["error"]
    return ("not approved in time", "the wait for approval expired") if entry.kind == "approval expired" else ("", "")


def _failed_findings(decision: dict[str, Any]) -> str:
    found = [(one, finding_facts(one)) for one in decision["findings"] if not one["passed"]]
    return "; ".join(f"{one['metric']} wanted {said['wanted']}, found {said['found']}: {one['reason']}"
                     for one, said in found) or "no gate rule asked"
