"""The whole flow where people said good or bad of single answers and compared none: every stage and tool for real."""

import gzip
import json
from pathlib import Path

import pytest

from tests.workspaces import commit, copy_of, demo_rows, hallmark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def to_labels(comparisons: Path, target: Path) -> None:
    """Write of each comparison one answer alone: in turn the chosen one with five stars, the rejected one with two."""
    with gzip.open(comparisons, "rt", encoding="utf-8") as source, gzip.open(target, "wt", encoding="utf-8") as file:
        for number, row in enumerate(map(json.loads, source)):
            side, rating = ("chosen", 5) if number % 2 else ("rejected", 2)
            file.write(json.dumps({"prompt": row["prompt"], "response": row[side], "rating": rating}) + "\n")
    comparisons.unlink()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, repository: Path) -> Path:
    """A workspace in which one retraining on ratings of single answers has run."""
    settings = tmp_path_factory.mktemp("settings") / "params.yaml"
    settings.write_text((repository / "tests/confs/valid/tiny.yaml").read_text().replace(
        "preferences.jsonl.gz, kind: preferences", "labels.jsonl.gz, kind: labels, good_from: 4").replace(
        "preferences_heldout.jsonl.gz, kind: preferences", "labels_heldout.jsonl.gz, kind: labels, good_from: 4"))
    root = copy_of(repository, tmp_path_factory.mktemp("flow") / "workspace", settings)
    demo_rows(root, repository / "data", 300)
    for name in ("", "_heldout"):
        to_labels(root / f"data/preferences{name}.jsonl.gz", root / f"data/labels{name}.jsonl.gz")
    commit(root)
    hallmark(root, "retrain")
    return root


def answer(root: Path, *words: str) -> dict:
    return json.loads(hallmark(root, *words, "--json").stdout)


def test_a_champion_is_made_of_labels_alone(workspace):
    assert answer(workspace, "status")["last_run"]["outcome"] == "promoted"
    said = answer(workspace, "gate", "1")
    assert {finding["metric"] for finding in said["findings"]} == {"kl_nats", "reward_model_auc"}
    assert all(finding["passed"] for finding in said["findings"])
    assert "area under the ROC curve" in (workspace / "build/reports/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "reward_model", "policy"), [
    ("labels", "trained on it", "through reward model version 1"),  # the policy was asked its prompt, too
    ("labels_heldout", "measured on it only", "measured on it only")])
def test_what_became_of_a_rating_can_be_asked_by_its_line(workspace, name, reward_model, policy):
    said = answer(workspace, "audit", "who-saw", "--file", f"data/{name}.jsonl.gz", "--line", "1")
    through = {one["name"]: one["through"].split("; ") for one in said["model_versions"]}
    assert reward_model in through["reward-model"]
    assert policy in through["policy"]
