"""hallmark gate: decide about a registered version again, from the evidence in its signed bundle."""

import json as json_module
from typing import Annotated, Any

import typer

from flows import history
from flows.cli import place
from flows.cli.tables import show_findings
from tasks.contracts.config import load_params
from tasks.contracts.errors import UnknownVersion
from tasks.contracts.evidence import Decision, Evidence
from tasks.contracts.gate_config import Rule
from tasks.contracts.places import home

NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}  # as a bundle names them


def command(
    version: Annotated[int, typer.Argument(help="A version of the registered policy.")],
    json: place.Json = False,
) -> None:
    """Decide about a version again.

    The evidence and the rules are those of its signed bundle; exit code 1 where they refuse it.
    """
    place.enter()
    decision = decide_again(bundle_of(version))
    if json:
        place.show_json({"version": version, "verdict": decision.verdict,
                         "findings": [finding.model_dump(mode="json") for finding in decision.findings]})
    else:
        show_findings([finding.model_dump(mode="json") for finding in decision.findings])
        print(f"version {version}: {decision.verdict}")
    raise typer.Exit(0 if decision.verdict == "promote" else 1)


def bundle_of(version: int) -> dict[str, Any]:
    """The signed bundle under which a version was registered.

    Raises:
        UnknownVersion: the ledger knows no such version.
        DigestMismatch: the bundle was changed, or is not signed by this installation's key.
    """
    from tasks.records.bundle import read_bundle
    from tasks.records.signatures import key_paths, load_public

    name, entries = load_params().promotion.policy_model, place.ledger().entries()
    digest = history.bundle_of(entries, name, version)
    if digest is None:
        known = ", ".join(str(one.version) for one in history.registered(entries, name)) or "none"
        raise UnknownVersion(f"the ledger knows no version {version} of {name}", wanted=f"one of: {known}",
                             next_step="`hallmark status` lists what is registered.")
    return read_bundle(home(), digest, load_public(key_paths(home())[1]))


def decide_again(bundle: dict[str, Any]) -> Decision:
    """The decision that the bundle's evidence and rules give, made anew; rules about a champion ask if they did."""
    from tasks.gates.decide import decide

    evidence = bundle["evidence"]
    for metric in evidence["metrics"]:
        metric |= {key: NUMBERS.get(metric[key], metric[key]) for key in ("value", "low", "high")}
    rules = [Rule.model_validate(rule) for rule in bundle["rules"]]
    asked = {finding["metric"] for finding in bundle["decision"]["findings"]}
    champion_stood = any(rule.only_with_champion and rule.metric in asked for rule in rules)
    return decide(Evidence.model_validate_json(json_module.dumps(evidence)), rules, champion_stood)
