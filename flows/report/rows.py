"""Numbers and rows of the report, as its tables and cards show them."""

import re
from typing import Any, NamedTuple

from flows.report.inputs import Run, mappings, number, texts

METRICS = {  # metric of the evidence -> (name for a reader, share of a whole)
    "policy_vs_sft_win_rate": ("Wins against SFT", True),
    "policy_vs_champion_win_rate": ("Wins against the champion", True),
    "judge_score": ("Judge's score", False),
    "reward_model_accuracy": ("Reward model's accuracy", True),
    "reward_model_auc": ("Reward model's area under the ROC curve", True),
    "kl_nats": ("KL to SFT, nats", False),
    "response_length_ratio": ("Length against SFT", False),
    "safety_rate": ("Safe answers", True),
    "distinct_2": ("Distinct word pairs", True),
    "reward_judge_gap": ("Reward wins above judge wins", False),
}
BESIDE = {  # metric -> (what it is compared with, the metric that says it)
    "judge_score": ("SFT", "judge_score_sft"),
    "distinct_2": ("SFT", "distinct_2_sft"),
    "reward_model_accuracy": ("bag of words", "tfidf_accuracy"),
    "reward_model_auc": ("bag of words", "tfidf_auc"),
}
KEY_NUMBERS_AT_MOST = 8
LINES_AT_MOST = 12  # line numbers that are listed a reason
LEVEL = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
BOUND = re.compile(rf"([<>])=?\s*{LEVEL}")  # as in `low >= 0.65` and `low > 0`
FLOOR = re.compile(rf"{LEVEL}\s*<=\s*[a-z]")  # as the first half of `0.5 <= value <= 2`


class Bound(NamedTuple):
    """One side of a rule."""

    sign: str  # ">=" or "<="
    level: float


def key_numbers(evidence: dict[str, Any]) -> list[dict[str, str]]:
    """The measured numbers with their intervals, those that a reader looks for first in front."""
    measured = {str(metric.get("name")): metric for metric in mappings(evidence.get("metrics"))}
    compared = {other for name, (_, other) in BESIDE.items() if name in measured}
    order = [name for name in METRICS if name in measured]
    order += [name for name in measured if name not in METRICS and name not in compared]
    return [
        {"label": label(name), "value": shown(name, measured[name].get("value")),
         "interval": f"{shown(name, measured[name].get('low'))} to {shown(name, measured[name].get('high'))}",
         "samples": f"{measured[name].get('samples', '?')} measured{beside(name, measured)}"}
        for name in order[:KEY_NUMBERS_AT_MOST]]


def beside(name: str, measured: dict[str, dict[str, Any]]) -> str:
    """What the number is compared with, where that was measured too."""
    who, other = BESIDE.get(name, ("", ""))
    return f", {who} {shown(name, measured[other].get('value'))}" if other in measured else ""


def label(metric: str) -> str:
    return METRICS[metric][0] if metric in METRICS else metric.replace("_", " ")


def shown(metric: str, value: object) -> str:
    found = number(value)
    if found is None:
        return "–"
    return f"{found:.1%}".replace("%", " %") if METRICS.get(metric, ("", False))[1] else f"{found:.3g}"


def finding(raw: dict[str, Any]) -> dict[str, Any]:
    """A finding with its name for a reader and, where the numbers are there, its place against the bounds."""
    low, high, found = (number(raw.get(key)) for key in ("low", "high", "found"))
    bounds = bounds_of(str(raw.get("wanted", "")))
    return dict.fromkeys(("metric", "wanted", "samples", "reason")) | raw | {
        "passed": raw.get("passed") is True,
        "label": label(str(raw.get("metric"))), "found": found, "low": low, "high": high,
        "ceiling": next((bound.level for bound in bounds if bound.sign == "<="), None),
        "picture": interval_picture(low, high, found, bounds)}


def bounds_of(wanted: str) -> list[Bound]:
    """The bounds of a rule in words; none where there are none to be found."""
    return [Bound(">=", float(level)) for level in FLOOR.findall(wanted)] + [
        Bound(f"{sign}=", float(level)) for sign, level in BOUND.findall(wanted)]


def interval_picture(
        low: float | None, high: float | None, found: float | None, bounds: list[Bound]) -> dict[str, float]:
    """Where interval, number and the allowed stretch lie on a line, in percent of its length.

    Empty where a number is missing, since then there is nothing to see.
    """
    if low is None or high is None or found is None or not bounds:
        return {}
    levels = [low, high, found, *(bound.level for bound in bounds)]
    margin = (max(levels) - min(levels)) * 0.15 or 1.0
    start, length = min(levels) - margin, max(levels) - min(levels) + 2 * margin

    def place(value: float) -> float:
        return round(100 * (value - start) / length, 1)

    allowed_from = max((place(bound.level) for bound in bounds if bound.sign == ">="), default=0.0)
    allowed_to = min((place(bound.level) for bound in bounds if bound.sign == "<="), default=100.0)
    return {"low": place(low), "width": round(place(high) - place(low), 1), "found": place(found),
            "allowed": allowed_from, "allowed_width": round(max(0.0, allowed_to - allowed_from), 1)}


def stages(run: Run) -> list[dict[str, Any]]:
    """The stages with the share of the longest one's time."""
    found = mappings(run.get("stages"))
    longest = max((number(stage.get("seconds")) or 0.0 for stage in found), default=0.0)
    return [
        {"name": stage.get("name", "?"), "state": stage.get("state", "not recorded"), "seconds": stage.get("seconds"),
         "share": round(100 * (number(stage.get("seconds")) or 0.0) / longest, 1) if longest else 0,
         "run_id": stage.get("run_id")}
        for stage in found]


def sources(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The data files with what was refused, by reason. Line numbers and reasons only: the text stays out."""
    keys = ("path", "kind", "sha256", "verdict", "rows_read", "rows_accepted", "error")
    return [
        dict.fromkeys(keys) | source | {
            "refused": by_reason(mappings(source.get("rows_rejected"))), "warnings": texts(source.get("warnings"))}
        for source in mappings(data.get("sources"))]


def by_reason(refused: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refused rows counted by reason, the most frequent first, with the first few line numbers of each."""
    lines: dict[str, list[Any]] = {}
    for row in refused:
        lines.setdefault(str(row.get("reason", "?")), []).append(row.get("line", "?"))
    return [
        {"reason": reason, "rows": len(found), "lines": found[:LINES_AT_MOST], "more": len(found[LINES_AT_MOST:])}
        for reason, found in sorted(lines.items(), key=lambda entry: -len(entry[1]))]


def samples(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers side by side; a score that is no number is left out."""
    sides = (("SFT", "sft"), ("Policy", "policy"))
    return [
        {"prompt": one.get("prompt", ""),
         "sides": [{"name": name, "answer": one.get(key, ""), "score": number(one.get(f"{key}_score"))}
                   for name, key in sides]}
        for one in raw]


def expectations(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What the accepted rows were expected to look like, and whether they do."""
    return [{"name": expectation_in_words(one), "passed": one.get("passed") is True}
            for one in mappings(data.get("expectations"))]


def expectation_in_words(one: dict[str, Any]) -> str:
    """`preferences.id: values to be unique`, from Great Expectations' own names."""
    about = ".".join(str(one[key]) for key in ("table", "columns") if one.get(key))
    words = str(one.get("expectation", "?")).removeprefix("expect_").removeprefix("column_").replace("_", " ")
    return f"{about}: {words}" if about else words
