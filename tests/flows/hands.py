"""Candidates that the gate decided about and people who sign, for tests of what happens then: no stage runs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from flows.desk import Desk, open_desk
from flows.promote import trusted_champion
from flows.promotion.approval import ask
from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from flows.run import Run, begin
from tasks.contracts.canonical import file_sha256, folder_digest
from tasks.records.ledger import utc_now
from tasks.records.registry import Version
from tasks.records.signatures import Key, make_key
from tests.flows.toy import measured

AUTHOR = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def people(root: Path, *names: str, listed: tuple[str, ...] | None = None) -> dict[str, Key]:
    """Make a key for each person, NAME.pem beside the workspace, and commit the list; `listed`: who is on it."""
    keys = {name: make_key(root.parent / f"{name}.pem") for name in names}
    lines = [f"  - {{name: {name}, key: {keys[name].public}}}\n" for name in (names if listed is None else listed)]
    (root / "infra").mkdir(exist_ok=True)
    (root / "infra/approvers.yaml").write_text("approvers:\n" + "".join(lines))
    for words in (("add", "infra"), (*AUTHOR, "commit", "-qm", "who approves")):
        subprocess.run(["git", *words], cwd=root, check=True)
    return keys


def candidate(
    root: Path, said: str, low: float = 0.6, fill: Callable[[Path], None] | None = None, prompts: str = "{}"
) -> None:
    """Lay down what the stages would have made: models whose bytes say `said`, and evidence about the policy."""
    for name in ("prepared", "sft", "reward", "policy", "evidence"):
        (root / "build" / name).mkdir(parents=True, exist_ok=True)
        if name != "evidence":
            (root / "build" / name / "model.safetensors").write_text(f"{name} {said}")
    if fill:
        fill(root / "build/policy")
    (root / "dvc.lock").write_text("schema: '2.0'\n")
    (root / "build/prepared/manifest.json").write_text(json.dumps({"rows": {}, "merkle_root": "0" * 64}))
    asked = root / "build/prepared/prompts_test.jsonl"
    asked.write_text(prompts)
    metrics = [metric | {"measured_on": file_sha256(asked)} for metric in json.loads(measured(low))]
    (root / "build/evidence/evidence.json").write_text(json.dumps(
        {"candidate": folder_digest(root / "build/policy"), "metrics": metrics}))


def decided(
    run: Run, said: str, low: float = 0.6, fill: Callable[[Path], None] | None = None, prompts: str = "{}"
) -> Version:
    """A candidate that the gate decided about against the champion of now; what passed waits, as after a run."""
    candidate(run.root, said, low, fill, prompts)
    found, champion = read_candidate(run.root), trusted_champion(run)
    decision = decide_on(run, found, found.evidence, champion)
    version = register(run, found, found.evidence, decision, [])
    if decision.verdict == "promote":
        ask(run, version, run.started)
    return version


def started_by(actor: str, root: Path) -> Run:
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALLMARK_ACTOR", actor)
        return begin(root, force=False)


def desk(root: Path, clock: Callable[[], object] = utc_now) -> Desk:
    return open_desk(root, "test", clock)


def proves(folder: Path) -> None:
    """A proof that reads the model's bytes."""
    assert (folder / "model.safetensors").read_bytes()
