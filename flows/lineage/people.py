"""Who and what decided about a version: the gate, those who signed, promotions, rollbacks."""

from collections.abc import Sequence
from typing import Any

from flows.lineage.graph import Graph, Node
from flows.lineage.versions import NOT_RECORDED, Registration, Told

ABOUT = ("approval asked", "approved", "rejected", "approval expired", "promoted", "promotion undone")


def decision_of(entries: Sequence[Told], one: Registration) -> Told | None:
    """The gate's last decision before a registration, of the same run on the same bytes or its policy's."""
    found = [entry for entry in entries if entry.kind == "gate decided" and entry.index < one.entry
             and entry.payload["run"] == one.run]
    return found[-1] if found else None


def add_decision(graph: Graph, entries: Sequence[Told], one: Registration) -> Node:
    """Hang the gate's decision below the version, and each finding below it; return the decision."""
    decided = decision_of(entries, one)
    if decided is None:
        return graph.add(graph.root, Node("gate", "decision", "gate", facts={"verdict": NOT_RECORDED}))
    said = decided.payload
    gate = graph.add(graph.root, Node("gate", "decision", f"gate: {said['verdict']}", said["evidence"], decided.index,
                                      {"rules": said["rules"], "against": against(said)}))
    for number, finding in enumerate(said["decision"]["findings"]):
        verdict = "passed" if finding["passed"] else "FAILED"
        graph.add(gate, Node(f"finding {number}", "finding", f"{finding['metric']} {verdict}", decided.hash,
                             decided.index, finding_facts(finding)))
    return gate


def against(said: dict[str, Any]) -> str:
    return "nobody" if said["against"] is None else f"champion version {said['against']}"


def finding_facts(finding: dict[str, Any]) -> dict[str, str]:
    """A finding in words; `why` says why it failed."""
    found = "nothing" if finding["found"] is None else f"{finding['found']:.4g}"
    interval = "" if finding["low"] is None else f" [{finding['low']:.4g}, {finding['high']:.4g}]"
    return {"wanted": finding["wanted"], "found": found + interval, **({"why": finding["reason"]} if
            finding["reason"] else {})}


def add_people(graph: Graph, entries: Sequence[Told], one: Registration) -> None:
    """Hang below the version what people and promotions did with it."""
    for entry in entries:
        said = entry.payload
        if entry.kind in ABOUT and (said.get("name"), said.get("version")) == (one.name, one.version):
            graph.add(graph.root, Node(f"entry {entry.index}", "approval", in_words(entry), entry.hash, entry.index,
                                       {"time": entry.time, "by": who(entry)}))


def in_words(entry: Told) -> str:
    said = entry.payload
    for key, words in (("rollback", "taken back to: {}"), ("override", "promoted over the gate: {}")):
        if said.get(key):
            return words.format(said[key])
    return f"{entry.kind}: {said['statement']['reason']}" if "statement" in said else entry.kind


def who(entry: Told) -> str:
    said = entry.payload
    signed = [said["statement"]["approver"]] if "statement" in said else said.get("approvals", [])
    return ", ".join(signed) or entry.actor
