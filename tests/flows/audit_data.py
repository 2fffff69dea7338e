"""Data of the audited world: real files, really checked and prepared, and models whose bytes say which version it is.

Sources, all below data/:
    demonstrations.jsonl      30 rows, CC-BY-4.0, consent "written by staff", guideline "style 2"
    preferences.jsonl.gz      31 lines of annotators nia and omar, CC-BY-4.0, guideline "compare 4"; line 3 is refused
    held_out.jsonl            30 comparisons that only measure; neither licence nor consent is recorded
    prompts.jsonl             24 prompts that only ask
    later.jsonl               20 more comparisons of nia, guideline "compare 5"; from data version 2 on
    scraped.jsonl             30 lines of which half are broken: what must not train
"""

import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.check_data import check_data
from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest
from tasks.contracts.config import load_params
from tasks.contracts.reporting import Silent
from tasks.prepare_data import prepare_data
from tests.data.rows_on_disk import demonstrations, preferences, write_rows

if TYPE_CHECKING:
    from dvc.repo import Repo

STAGES = ("check_data", "prepare_data", "train_sft", "train_reward", "train_policy", "evaluate")
DVC_YAML = """\
stages:
  check_data:
    {cmd: python -m tasks.check_data, deps: [data], params: [data], outs: [build/checked]}
  prepare_data:
    {cmd: python -m tasks.prepare_data, deps: [build/checked], params: [data], outs: [build/prepared]}
  train_sft:
    {cmd: python -m tasks.train_sft, deps: [build/prepared], params: [sft], outs: [build/sft]}
  train_reward:
    {cmd: python -m tasks.train_reward, deps: [build/prepared, build/sft], outs: [build/reward]}
  train_policy:
    cmd: python -m tasks.train_policy
    deps: [build/prepared, build/sft, build/reward]
    params: [seed, ppo]
    outs: [build/policy]
  evaluate:
    cmd: python -m tasks.evaluate
    deps: [build/prepared, build/sft, build/reward, build/policy]
    outs: [build/evidence]
"""
ABOUT = {
    "demonstrations.jsonl": "kind: demonstrations, split: train, licence: CC-BY-4.0, consent: written by staff, "
                            "guideline: style 2",
    "preferences.jsonl.gz": "kind: preferences, split: train, licence: CC-BY-4.0, consent: signed by both annotators, "
                            "source: help desk of 2025, guideline: compare 4, collected: 2025-11, collected_by: omar",
    "held_out.jsonl": "kind: preferences, split: test",
    "prompts.jsonl": "kind: prompts, split: test, licence: CC0-1.0",
    "later.jsonl": "kind: preferences, split: train, licence: CC-BY-4.0, consent: signed by both annotators, "
                   "guideline: compare 5",
    "scraped.jsonl": "kind: preferences, split: train",
}
FIRST = ("demonstrations.jsonl", "preferences.jsonl.gz", "held_out.jsonl", "prompts.jsonl")
SECOND = (*FIRST, "later.jsonl")


def lay_data(root: Path, names: tuple[str, ...]) -> None:
    """Put these files below data/, name them in params.yaml, track them with DVC, and commit."""
    for name in names:
        if not (root / "data" / name).exists():
            _write(root / "data" / name, _rows(name))
    for path in (root / "data").iterdir():
        if path.name not in names:
            path.unlink()
    settings = root / "params.yaml"
    before, _, rest = settings.read_text(encoding="utf-8").partition("  sources:\n")
    after = rest[rest.index("  validation_share"):]
    lines = "".join(f"    - {{path: data/{name}, {ABOUT[name]}}}\n" for name in names)
    settings.write_text(f"{before}  sources:\n{lines}{after}", encoding="utf-8")
    with dvc(root) as repo:
        repo.add("data")
    commit(root, f"data: {len(names)} files")


def prepared(root: Path) -> None:
    """Run the two stages of the data as they are, in the current folder, which is `root`."""
    params = load_params(root / "params.yaml")
    check_data(params, Silent())
    prepare_data(params, Silent())


def lay_models(root: Path, said: str, judged: float) -> None:
    """Write what training and evaluation would have made: models that say `said`, evidence with these numbers."""
    for name in ("sft", "reward", "policy", "evidence"):
        (root / "build" / name).mkdir(parents=True, exist_ok=True)
        if name != "evidence":
            (root / "build" / name / "model.safetensors").write_text(f"{name} {said}")
    prompts = file_sha256(root / "build/prepared/prompts_test.jsonl")
    metrics = [{"name": name, "value": value, "low": value - 0.1, "high": value + 0.1, "samples": 400,
                "measured_on": prompts} for name, value in (("judge_score", judged), ("kl_nats", 4.5))]
    evidence = {"candidate": folder_digest(root / "build/policy"), "metrics": metrics}
    (root / "build/evidence/evidence.json").write_bytes(canonical_json(evidence))
    (root / "build/evidence/samples.json").write_text("[]")
    with dvc(root) as repo:
        repo.commit(force=True)  # writes dvc.lock and keeps the outputs, as if the stages had run


def commit(root: Path, subject: str) -> None:
    """Commit everything that git does not ignore."""
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("add", "-A"), (*author, "commit", "-q", "--allow-empty", "-m", subject)):
        subprocess.run(["git", *words], cwd=root, check=True)


@contextmanager
def dvc(root: Path) -> Iterator["Repo"]:
    """DVC on a workspace, in this process, which spares a second a command."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        yield repo


def _write(path: Path, rows: list) -> None:
    if path.suffix != ".gz":
        write_rows(path, rows)
        return
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    path.write_bytes(gzip.compress(lines, mtime=0))


def _rows(name: str) -> list:
    compared = {"preferences.jsonl.gz": (31, 0), "held_out.jsonl": (30, 100), "later.jsonl": (20, 200),
                "scraped.jsonl": (30, 300)}
    if name == "demonstrations.jsonl":
        return demonstrations(30)
    if name == "prompts.jsonl":
        return [{"prompt": f"How long does part number {number} last?"} for number in range(24)]
    rows = preferences(*compared[name])
    for number, row in enumerate(rows):
        row["annotator"] = "omar" if number % 2 and name == "preferences.jsonl.gz" else "nia"
        if name == "scraped.jsonl" and number % 2:
            row["chosen"] = ""
    if name == "preferences.jsonl.gz":
        rows[2]["chosen"] = ""
    return rows
