"""Evidence + rules -> decision. Pure, and closed by default: what is absent, empty or no number refuses."""

import math
import re
from collections.abc import Sequence

from tasks.contracts.evidence import Decision, Evidence, Finding, Metric
from tasks.contracts.gate_config import Rule

_DIGEST = re.compile(r"[0-9a-f]{64}")


def decide(evidence: Evidence | None, rules: Sequence[Rule], champion_stands: bool) -> Decision:
    """Hold every rule against the evidence. All must hold; no rules, or none that asks, refuses.

    Args:
        evidence: what is known of the candidate; None where nothing was measured.
        champion_stands: whether another champion stands, without which `only_with_champion` rules do not ask.
    """
    asking = [rule for rule in rules if champion_stands or not rule.only_with_champion]
    findings = tuple(check(rule, evidence) for rule in asking)
    promote = bool(findings) and all(finding.passed for finding in findings)
    return Decision(
        candidate=evidence.candidate if evidence else "", verdict="promote" if promote else "refuse", findings=findings)


def check(rule: Rule, evidence: Evidence | None) -> Finding:
    """Hold one rule against the evidence and say in words why it fails, if it does."""
    metrics = [metric for metric in evidence.metrics if metric.name == rule.metric] if evidence else []
    metric = metrics[0] if len(metrics) == 1 else None
    reason = (
        _unusable_evidence(evidence)
        or (f"the evidence names {rule.metric} {len(metrics)} times" if len(metrics) > 1 else "")
        or (f"the evidence has no {rule.metric}" if metric is None else _unusable_metric(metric))
        or _unusable_rule(rule)
    )
    if metric is not None and not reason:
        reason = _out_of_bounds(rule, metric)
    return Finding(
        metric=rule.metric, wanted=wanted(rule), found=_number(metric, rule.use), low=_number(metric, "low"),
        high=_number(metric, "high"), samples=_samples(metric), passed=not reason, reason=reason)


def wanted(rule: Rule) -> str:
    """The rule in words: `low >= 0.65`, `0.5 <= value <= 2`."""
    if rule.at_least is None:
        return "nothing" if rule.at_most is None else f"{rule.use} <= {rule.at_most:.6g}"
    return f"{rule.use} >= {rule.at_least:.6g}" if rule.at_most is None else (
        f"{rule.at_least:.6g} <= {rule.use} <= {rule.at_most:.6g}")


def _out_of_bounds(rule: Rule, metric: Metric) -> str:
    number: float = getattr(metric, rule.use)
    above_floor = rule.at_least is None or number >= rule.at_least  # this way round, so that NaN would refuse
    below_ceiling = rule.at_most is None or number <= rule.at_most
    if above_floor and below_ceiling:
        return ""
    side, bound = ("above", rule.at_most) if above_floor else ("below", rule.at_least)
    what = rule.metric if rule.use == "value" else f"the {rule.use} end of {rule.metric}"
    found = f"{number:.6g}" if f"{number:.6g}" != f"{bound:.6g}" else repr(number)  # never "0.65, below 0.65"
    return f"{what} is {found}, {side} {bound:.6g}" + (f": {rule.reason}" if rule.reason else "")


def _unusable_evidence(evidence: Evidence | None) -> str:
    if evidence is None:
        return "there is no evidence"
    return "" if _is_digest(evidence.candidate) else "the evidence does not name its candidate by a sha256"


def _unusable_metric(metric: Metric) -> str:
    for name in ("value", "low", "high"):
        if _number(metric, name) is None:
            return f"the {name} of {metric.name} is {getattr(metric, name)!r}, no finite number"
    if not metric.low <= metric.value <= metric.high:
        return f"{metric.name} = {metric.value:.6g} lies outside its interval {metric.low:.6g} to {metric.high:.6g}"
    if _samples(metric) is None:
        return f"{metric.name} rests on {metric.samples!r} samples"
    return "" if _is_digest(metric.measured_on) else f"{metric.name} does not name what it was measured on by a sha256"


def _unusable_rule(rule: Rule) -> str:
    bounds = [bound for bound in (rule.at_least, rule.at_most) if bound is not None]
    if not bounds:
        return "the rule has no bound"
    return "" if all(math.isfinite(bound) for bound in bounds) else "a bound of the rule is no finite number"


def _number(metric: Metric | None, name: str) -> float | None:
    found = getattr(metric, name, None)
    usable = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if usable and found is not None else None


def _samples(metric: Metric | None) -> int | None:
    found = getattr(metric, "samples", None)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _is_digest(found: object) -> bool:
    return isinstance(found, str) and _DIGEST.fullmatch(found) is not None
