"""The answers to the points of Annex IV, each with the ledger entries that it rests on. What is not known is empty."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.lineage.people import who
from flows.lineage.versions import NOT_RECORDED
from flows.pack.card import base_of, gave_way, number, rewards, standing, what
from flows.pack.statements import packages
from flows.pack.subject import REPORT, Subject, forgotten
from tasks.contracts.places import PARAMS
from tasks.records.uses import is_measured

RESULTS = ("policy_vs_sft_win_rate", "policy_vs_champion_win_rate", "judge_score", "reward_model_accuracy",
           "reward_model_auc", "kl_nats", "safety_rate")
CARD, SETTINGS, BUNDLE, CHECKED = "model-card.md", "run/params.yaml", "evidence/bundle.json", "run/report.json"


@dataclass(frozen=True)
class Answer:
    text: str = ""
    entries: tuple[int, ...] = ()
    file: str = ""


def nothing(subject: Subject) -> Answer:
    """What no run records."""
    return Answer()


def version(subject: Subject) -> Answer:
    return Answer(f"{subject.one}, digest {subject.one.digest}", (subject.one.entry,), "pack.json")


def earlier(subject: Subject) -> Answer:
    promoted = subject.about("promoted")
    if not promoted:
        return Answer()
    before = promoted[0].payload["previous"]
    text = "the first champion" if before is None else f"took the place of {subject.one.name} version {before}"
    return Answer(text, (promoted[0].index,), "lineage/trace.html")


def software(subject: Subject) -> Answer:
    pinned, run = packages(subject), subject.started.payload
    text = f"commit {run['commit']}, {'dirty' if run['dirty'] else 'clean'}"
    text += f"; {len(pinned)} packages pinned" if pinned else ""
    return Answer(text, (subject.started.index,), "run/constraints.txt" if pinned else "")


def steps(subject: Subject) -> Answer:
    if subject.stages is None:
        return Answer()
    said = [f"{one['name']} ({one['state']})" for one in subject.stages.payload["stages"]]
    return Answer(", ".join(said), (subject.stages.index,), "lineage/openlineage.jsonl")


def base(subject: Subject) -> Answer:
    found = base_of(subject)
    return Answer() if found == NOT_RECORDED else Answer(found, (subject.one.entry,), SETTINGS)


def logic(subject: Subject) -> Answer:
    paid = ", ".join(f"{name} {number(weight)}" for name, weight in rewards(subject).items())
    if not paid:
        return Answer()
    text = f"a language model whose policy was paid the weighted sum of: {paid}"
    return Answer(text, _kept(subject, PARAMS), SETTINGS)


def parts(subject: Subject) -> Answer:
    return Answer("made with: " + ", ".join(f"{name} {digest[:12]}" for name, digest in
                                            sorted(subject.bundle["models"].items()) if name != subject.one.name),
                  (subject.one.entry,), "lineage/trace.html")


def computing(subject: Subject) -> Answer:
    hardware = str(subject.started.payload["hardware"])
    return Answer(hardware, (subject.started.index,), "attestations/provenance.intoto.json")


def data(subject: Subject) -> Answer:
    said = [f"{one['path']}: {one['rows_accepted']} {one['kind']}" for one in subject.sources]
    return Answer("; ".join(said), _kept(subject, REPORT), "data/croissant.json")


def consent(subject: Subject) -> Answer:
    return _told(subject, "licence", "consent", "source", "collected", "collected_by")


def labelling(subject: Subject) -> Answer:
    return _told(subject, "guideline")


def cleaning(subject: Subject) -> Answer:
    refused = sum(int(one["rows_rejected"]) for one in subject.sources)
    return Answer(f"rows that the checks of check_data refused, each by line and reason: {refused}" if subject.sources
                  else "", _kept(subject, REPORT), CHECKED)


def oversight(subject: Subject) -> Answer:
    wanted, signed = subject.setting("promotion", "approvals"), subject.about("approved", "rejected")
    if wanted is None and not signed:
        return Answer()
    text = f"signatures wanted before a promotion: {wanted if wanted is not None else NOT_RECORDED}"
    text += "".join(f"; {what(subject, one)} ({who(one)})" for one in signed)
    return Answer(text, (subject.one.entry, *(one.index for one in signed)), "approvals/approvals.json")


def retraining(subject: Subject) -> Answer:
    return Answer(f"each retraining must hold {len(subject.findings)} gate rules before it may be promoted",
                  (subject.decided.index,), CARD)


def test_data(subject: Subject) -> Answer:
    held = [f"{use}: {said['rows']} rows" for use, said in subject.one.manifests.items()
            if is_measured(use) and "." not in use]
    return Answer("; ".join(held), (subject.one.entry,), "rows/roots.json")


def results(subject: Subject) -> Answer:
    return _metrics(subject, lambda name: name in RESULTS)


def groups(subject: Subject) -> Answer:
    return _metrics(subject, lambda name: "_worst_" in name or "_gap_" in name)


def reports(subject: Subject) -> Answer:
    return Answer(f"evidence bundle {subject.one.bundle}, signed by the installation; gate: "
                  f"{subject.decided.payload['verdict']} at {subject.decided.time}",
                  (subject.decided.index, subject.one.entry), BUNDLE)


def security(subject: Subject) -> Answer:
    promoted = [one.index for one in subject.about("promoted")]
    return Answer("its bytes were held against their digest before it was loaded and promoted; every decision is in a "
                  "signed ledger" if promoted else "", tuple(promoted[-1:]), "ledger/head.json")


def inputs(subject: Subject) -> Answer:
    tokens = subject.setting("tokens", "prompt")
    return Answer(f"text of up to {tokens} tokens; longer prompts lose their beginning" if tokens else "",
                  _kept(subject, PARAMS), SETTINGS)


def reasons(subject: Subject) -> Answer:
    said = [f"{rule['metric']}: {rule['reason']}" for rule in subject.bundle["rules"] if rule["reason"]]
    return Answer("what a failure would mean. " + "; ".join(said) if said else "", (subject.one.entry,), BUNDLE)


def life(subject: Subject) -> Answer:
    told = subject.about("registered", "approved", "rejected", "promoted", "promotion undone", "rebuilt")
    told = sorted([*told, *gave_way(subject), *forgotten(subject.told, subject.one)], key=lambda entry: entry.index)
    return Answer(f"{standing(subject)}. " + "; ".join(f"{one.time[:10]} {what(subject, one)}" for one in told),
                  tuple(one.index for one in told), "ledger/entries.jsonl")


def _told(subject: Subject, *keys: str) -> Answer:
    """What params.yaml tells of the sources under some keys; empty where it tells nothing of any."""
    said = [f"{one['path']}: " + ", ".join(f"{key} {one.get(key) or NOT_RECORDED}" for key in keys)
            for one in subject.sources if any((one.get(key) or NOT_RECORDED) != NOT_RECORDED for key in keys)]
    return Answer("; ".join(said), _kept(subject, PARAMS), "data/croissant.json")


def _metrics(subject: Subject, wanted: Callable[[str], bool]) -> Answer:
    said = [f"{one['name']} {number(one['value'])} [{number(one['low'])}, {number(one['high'])}]"
            for one in subject.metrics if wanted(one["name"])]
    return Answer("; ".join(said), (subject.one.entry,), CARD)


def _kept(subject: Subject, path: Path) -> tuple[int, ...]:
    """The entry that names a kept file's digest; none where it names none."""
    return (subject.one.entry,) if path.as_posix() in subject.one.files else ()
