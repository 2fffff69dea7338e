"""Evidence + rules -> decision. Pure, and closed by default: what is absent, empty or no number refuses."""

import math
from collections.abc import Sequence

from tasks.contracts.evidence import Decision, Evidence, Expected, Finding, Metric
from tasks.contracts.gate_config import Rule
from tasks.gates.correction import Correction, corrected
from tasks.gates.limits import is_strict, limits, wanted
from tasks.gates.stand_ins import asked_of
from tasks.gates.usable import fault_of_difference, fault_of_evidence, fault_of_metric, named, number, samples


def decide(evidence: Evidence | None, rules: Sequence[Rule], champion_stands: bool, *,
           correction: Correction = "none", expected: Expected | None = None) -> Decision:
    """Hold every rule against the evidence. All must hold; no rules, or none that asks, refuses.

    Args:
        evidence: what is known of the candidate; None where nothing was measured.
        champion_stands: whether another champion stands, without which rules about it do not ask.
        correction: of several rules that are tested at once, see docs/adr/0011.
        expected: what the evidence must be about; None believes what it says of itself.

    Returns:
        One finding for each rule that asks, in the order of the rules. Where answers were labelled and none compared,
        a rule about comparisons asks the same of labels.
    """
    asking = [asked_of(rule, evidence) for rule in rules if champion_stands or not rule.asks_with_champion_only]
    findings = [check(rule, evidence, expected) for rule in asking]
    if correction != "none" and evidence is not None:
        findings = corrected(findings, asking, evidence)
    return Decision(
        candidate=evidence.candidate if evidence else "", findings=tuple(findings), correction=correction,
        verdict="promote" if findings and all(finding.passed for finding in findings) else "refuse")


def check(rule: Rule, evidence: Evidence | None, expected: Expected | None = None) -> Finding:
    """Hold one rule against the evidence, for itself alone, and say in words why it fails, if it does."""
    asked, reason = rule.asked_metric, fault_of_evidence(evidence, expected) or _fault_of_rule(rule)
    metric = named(evidence, asked)[0] if evidence is not None else None
    if evidence is not None and not reason:
        reason = _fault_of_ground(rule, evidence, expected)
    if metric is not None and not reason:
        reason = _out_of_bounds(rule, metric)
    return Finding(
        metric=asked, wanted=wanted(rule), found=number(metric, rule.end), low=number(metric, "low"),
        high=number(metric, "high"), samples=samples(metric), passed=not reason, reason=reason)


def _fault_of_ground(rule: Rule, evidence: Evidence, expected: Expected | None) -> str:
    """Why the metrics that the rule needs cannot be used: its own, and where it compares two, both of them."""
    names = [rule.asked_metric, *((rule.metric, rule.better_than) if rule.better_than else ())]
    found: list[Metric] = []
    for name in names:
        metric, reason = named(evidence, name)
        if metric is None:
            return reason
        if reason := fault_of_metric(metric, expected):
            return reason
        found.append(metric)
    return fault_of_difference(*found) if rule.better_than else ""


def _fault_of_rule(rule: Rule) -> str:
    bounds = [bound for bound in limits(rule) if bound is not None]
    if not bounds:
        return "the rule has no bound"
    return "" if all(math.isfinite(bound) for bound in bounds) else "a bound of the rule is no finite number"


def _out_of_bounds(rule: Rule, metric: Metric) -> str:
    found: float = getattr(metric, rule.end)
    floor, ceiling = limits(rule)
    above_floor = floor is None or found > floor or (found == floor and not is_strict(rule))  # so that NaN would refuse
    below_ceiling = ceiling is None or found <= ceiling
    if above_floor and below_ceiling:
        return ""
    side, bound = ("above", ceiling) if above_floor else ("not above" if is_strict(rule) else "below", floor)
    what = metric.name if rule.end == "value" else f"the {rule.end} end of {metric.name}"
    shown = f"{found:.6g}" if f"{found:.6g}" != f"{bound:.6g}" else repr(found)  # never "0.65, below 0.65"
    return f"{what} is {shown}, {side} {bound:.6g}" + (f": {rule.reason}" if rule.reason else "")
