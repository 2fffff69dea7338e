"""hallmark gate: decide about a registered version again, from the evidence in its signed bundle."""

import json as json_module
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place
from flows.cli.compare import in_words
from flows.cli.tables import show_findings
from flows.promotion import succession
from tasks.contracts.config import load_params
from tasks.contracts.evidence import Decision, Evidence
from tasks.contracts.gate_config import Rule
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.promotion.consent import Case, Entry

COMPARED = ("by", "against", "wins", "ties", "losses", "unanswered", "comparison", "sheet", "metric")
NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}  # as a bundle names them


def command(
    version: Annotated[int, typer.Argument(help="A version of the registered policy.")],
    json: place.Json = False,
) -> None:
    """Decide about a version again.

    The evidence and the rules are those of its signed bundle; exit code 1 where they refuse it, overridden or not.
    """
    from flows.promotion import consent  # cryptography with it, which `--help` does without

    place.enter()
    entries = place.ledger().entries()
    case = consent.case_of(entries, load_params().promotion.policy_model, version)
    decision = decide_again(consent.evidence_bundle(home(), case))
    findings = [finding.model_dump(mode="json") for finding in decision.findings]
    said = said_by_people(entries, case)
    if json:
        place.show_json({"version": version, "verdict": decision.verdict, "findings": findings, **said})
    else:
        show(case, decision, findings, said)
    raise typer.Exit(0 if decision.verdict == "promote" else 1)


def said_by_people(entries: "Sequence[Entry]", case: "Case") -> dict[str, Any]:
    """Who signed for or against a version, whether the gate was ever overridden for it, and who compared it blindly."""
    from flows.promotion.blind import results
    from flows.promotion.consent import rejection

    rejected = rejection(entries, case.name, case.digest)
    keys = ("approver", "decision", "reason", "signed", "expires")
    return {
        "approvals": [{key: one["statement"][key] for key in keys} for one in case.answers],
        "rejected": {key: rejected[key] for key in ("approver", "reason", "signed")} if rejected else None,
        "override": succession.overridden(entries, case.name).get(case.version),
        "compared": [{key: one[key] for key in COMPARED} for one in results(entries, case.name, case.digest)],
    }


def show(case: "Case", decision: Decision, findings: list[dict[str, Any]], said: dict[str, Any]) -> None:
    show_findings(findings)
    for finding in findings:
        if not finding["passed"]:
            print(f"FAILED  {finding['metric']}: {finding['reason']}")
    for one in said["approvals"]:
        print(f"signed  {one['decision']} by {one['approver']} at {one['signed']}, holds until {one['expires']}: "
              f"{one['reason']}")
    for one in said["compared"]:
        print(f"people  {in_words(one)}; it decides nothing")
    if said["rejected"]:
        print("REJECTED by {approver} at {signed}: {reason}".format(**said["rejected"]))
    if said["override"]:
        print(f"OVERRIDDEN: promoted though the gate refused it: {said['override']}")
    print(f"version {case.version}: {decision.verdict}")


def decide_again(bundle: dict[str, Any]) -> Decision:
    """The decision that the bundle's evidence and rules give, made anew; rules about a champion ask if they did."""
    from tasks.gates.decide import decide

    evidence = bundle["evidence"]
    for metric in evidence["metrics"]:
        metric |= {key: NUMBERS.get(metric[key], metric[key]) for key in ("value", "low", "high")}
    rules = [Rule.model_validate(rule) for rule in bundle["rules"]]
    champion_stood = len(bundle["decision"]["findings"]) == len(rules)  # one for each rule that asked
    return decide(Evidence.model_validate_json(json_module.dumps(evidence)), rules, champion_stood,
                  correction=bundle["decision"].get("correction", "none"))  # left out where there was none
