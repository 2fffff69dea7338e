"""Which curves the report shows, and what bounds them."""

from typing import Any

from flows.report.drawing import Chart, draw
from flows.report.inputs import Curve, Curves, Files, mappings, number

REWARD_PARTS = ("preference", "fluency", "richness", "relevance", "safety")
ROUND_COLUMNS = ("reward", "kl_nats", "judge", "judge_fit")


def of_policy(files: Files, findings: list[dict[str, Any]]) -> list[Chart]:
    """How the policy fared from update to update: what it was paid, how far it went, how long it talked."""
    curves, kept = with_rounds(files), kept_step(files)
    budget = next((one["ceiling"] for one in findings if one["metric"] == "kl_nats"), None)
    parts = {name: name for name in REWARD_PARTS}
    return [
        chart("Reward", curves, {"reward": "training prompts", "heldout_reward": "held-out prompts"}, kept=kept),
        chart("Parts of the reward", curves, parts, kept=kept),
        chart("Judge's score", curves,
              {"heldout_judge": "held-out prompts", "heldout_judge_fit": "fit over the distance"}, kept=kept),
        chart("KL to the reference", curves, {"kl_nats": "training prompts", "heldout_kl_nats": "held-out prompts"},
              unit="nats a response", kept=kept, bound=budget),
        chart("Response length", curves, {"response_tokens": "mean"}, unit="tokens", kept=kept),
    ]


def with_rounds(files: Files) -> Curves:
    """The stage's own curves, and over its sparse held-out ones those of the judged rounds, which start at update 0."""
    return files.policy | {f"heldout_{name}": curve for name, curve in files.rounds.items() if name in ROUND_COLUMNS}


def of_optimisation(curves: Curves) -> list[Chart]:
    """What an engineer looks at when a run went wrong."""
    wanted = {
        "policy_loss": ("Policy loss", ""), "value_loss": ("Value loss", ""), "entropy": ("Entropy", "nats a token"),
        "clip_share": ("Clipped ratios", "share"), "gradient_norm": ("Gradient norm", "")}
    return [chart(title, curves, {name: title}, unit=unit) for name, (title, unit) in wanted.items()]


def of_losses(losses: dict[str, Curves]) -> list[Chart]:
    """Every loss and accuracy of the supervised stages."""
    return [
        chart(f"{stage}: {name.replace('_', ' ')}", curves, {name: name}, steps_are="step")
        for stage, curves in losses.items() for name in curves if "loss" in name or "accuracy" in name]


def of_shift(shift: dict[str, Any] | None) -> list[Chart]:
    """How lengths were spread in the data version before, and how in this: shares of rows by length."""
    said = shift or {}
    sides = {f"data version {said.get(side)}": side for side in ("before", "after")}
    return [Chart(f"{one.get('kind')}: {one.get('of')}", {
        label: _spread(one.get(side)) for label, side in sides.items()},
        "share of rows", steps_are="characters, at least")
        for one in mappings(said.get("spreads")) if str(one.get("of")).startswith("length of") and all(
            isinstance(one.get(side), dict) and one[side] and all(name.isdigit() for name in one[side])
            for side in sides.values())]


def _spread(counts: Any) -> Curve:
    """Counts by the lower end of a class as shares of all."""
    ordered, whole = sorted((int(name), count) for name, count in counts.items()), sum(counts.values())
    return Curve([float(place) for place, _ in ordered], [count / whole for _, count in ordered])


def chart(title: str, curves: Curves, wanted: dict[str, str], *, unit: str = "", kept: float | None = None,
          bound: float | None = None, steps_are: str = "update") -> Chart:
    """A chart of the columns that exist, under their names for a reader."""
    found: dict[str, Curve] = {shown_as: curves[name] for name, shown_as in wanted.items() if name in curves}
    return Chart(title, found, unit, bound, kept, steps_are)


def pictures(charts: list[Chart]) -> list[dict[str, str]]:
    """The charts that have a curve, each with its title and its picture."""
    return [{"title": one.title, "svg": draw(one)} for one in charts if one.curves]


def kept_step(files: Files) -> float | None:
    """The update whose policy was kept, as the stage reports it."""
    return number(files.metrics.get("train_policy", {}).get("kept_after_update"))
