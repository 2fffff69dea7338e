"""The model card: Markdown with the front matter that model hubs read, filled from ledger and evidence alone."""

from pathlib import Path
from typing import Any

from flows.lineage.people import in_words, who
from flows.lineage.versions import NOT_RECORDED, Told
from flows.pack.subject import Subject, forgotten
from flows.promotion import history, succession
from tasks.contracts.places import BASE, PARAMS

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
DECIDED = ("approval asked", "approved", "rejected", "approval expired", "promoted", "promotion undone", "rebuilt")
LIMITS = ("kl_nats", "reward_judge_gap", "judge_drop", "safety_rate", "repeated_share", "perplexity_ratio")


def model_card(subject: Subject) -> bytes:
    """The card. What was not recorded says so."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701  Markdown
    template.filters |= {"number": number, "cell": cell}
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        front=front_matter(subject), one=subject.one, run=subject.started, commit=subject.started.payload["commit"],
        dirty=subject.started.payload["dirty"], hardware=subject.started.payload["hardware"], decided=subject.decided,
        findings=subject.findings, metrics=subject.metrics, confidence=subject.bundle["evidence"].get("confidence"),
        slices=[one for one in subject.metrics if "_worst_" in one["name"] or "_gap_" in one["name"]],
        limits=[one for one in subject.metrics if one["name"] in LIMITS], sources=subject.sources,
        models=dict(sorted(subject.bundle["models"].items())), parts=subject.files, base=base_of(subject),
        algorithm=subject.setting("ppo", "algorithm") or ("ppo" if subject.settings else NOT_RECORDED),
        rewards=rewards(subject), erased=erased(subject), people=people(subject), standing=standing(subject),
        manifests=subject.one.manifests,
        not_recorded=NOT_RECORDED, prompt_tokens=subject.setting("tokens", "prompt") or NOT_RECORDED,
        response_tokens=subject.setting("tokens", "response") or NOT_RECORDED).encode()


def front_matter(subject: Subject) -> str:
    """The block of YAML that model hubs read, without its fences."""
    from huggingface_hub import EvalResult, ModelCardData

    licences = {str(one["licence"]) for one in subject.sources} - {NOT_RECORDED}
    asked = {one["metric"] for one in subject.findings}
    results = [EvalResult(
        task_type="text-generation", dataset_type="held-out", dataset_name=f"sha256:{one['measured_on'][:16]}",
        metric_type=one["name"], metric_value=one["value"]) for one in subject.metrics if one["name"] in asked]
    base = subject.setting("base", "path")
    return str(ModelCardData(
        model_name=f"{subject.one.name}-{subject.one.version}", library_name="transformers",
        pipeline_tag="text-generation", tags=["rlhf", "hallmark"], eval_results=results,
        base_model=str(base) if base else None, license="other",  # the hubs' word for one that they have no name for
        license_name="; ".join(sorted(licences)) or NOT_RECORDED).to_yaml())


def base_of(subject: Subject) -> str:
    """What the model began as."""
    if PARAMS.as_posix() not in subject.one.files:
        return NOT_RECORDED
    path = subject.setting("base", "path")
    return str(path) if path else f"pretrained from scratch by this pipeline ({BASE.name})"


def rewards(subject: Subject) -> dict[str, float]:
    """The parts of the reward that the policy was paid, each with its weight."""
    said = subject.setting("reward") or {}
    return {name: value for name, value in said.items() if isinstance(value, int | float)}


def erased(subject: Subject) -> list[dict[str, Any]]:
    """Rows that were forgotten after this version had met them: how many, and through what they had reached it."""
    return [{"entry": entry.index, "time": entry.time[:19] + "Z", "rows": len(entry.payload["rows"]),
             "through": next(said["through"] for said in entry.payload["affected"]
                             if (said["name"], said["version"]) == (subject.one.name, subject.one.version))}
            for entry in forgotten(subject.told, subject.one)]


def people(subject: Subject) -> list[dict[str, Any]]:
    """What people and promotions did with the version, in the order of the ledger."""
    return [{"entry": entry.index, "time": entry.time[:19] + "Z", "what": what(subject, entry), "who": who(entry)}
            for entry in sorted([*subject.about(*DECIDED), *gave_way(subject)], key=lambda entry: entry.index)]


def gave_way(subject: Subject) -> list[Told]:
    """The promotions by which another version took this one's place as champion."""
    return [entry for entry in subject.told if entry.kind == "promoted"
            and (entry.payload["name"], entry.payload["previous"]) == (subject.one.name, subject.one.version)]


def what(subject: Subject, entry: Told) -> str:
    """An entry about this version in words."""
    said = entry.payload
    if entry.kind == "approved":
        return f"{said['statement']['decision']}: {said['statement']['reason']}"
    if entry.kind == "promoted" and said["version"] != subject.one.version:
        return f"gave way to version {said['version']}" + (f": {said['rollback']}" if said.get("rollback") else "")
    return in_words(entry)


def standing(subject: Subject) -> str:
    """What became of the version, as the ledger has it."""
    name, version = subject.one.name, subject.one.version
    stands, taken = history.champion(subject.told, name), succession.rolled_back(subject.told, name)
    if stands and stands.version == version:
        return f"the champion since {stands.since[:19]}Z"
    if version in taken:
        return f"taken back: {taken[version]}"
    was = succession.was_champion(subject.told, name)
    return f"an earlier champion, of {was[version].since[:19]}Z" if version in was else "never promoted"


def number(value: float | str | None) -> str:
    """A number as the gate table has it; what is none is told by name."""
    return "nothing" if value is None else f"{value:.6g}" if isinstance(value, int | float) else str(value)


def cell(text: object) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
