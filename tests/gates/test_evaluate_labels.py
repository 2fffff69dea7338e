"""From checked labels to evidence, alone and beside comparisons: what is trained and measured, what a rule asks."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tasks.contracts.canonical import folder_digest
from tasks.contracts.config import Params, parse_params
from tasks.contracts.evidence import Evidence
from tasks.contracts.gate_config import Rule
from tasks.contracts.measured_on import FILES, expected_of, ground_of
from tasks.contracts.places import EVIDENCE, POLICY, PREPARED, REWARD, SFT
from tasks.contracts.reporting import Silent
from tasks.data.preparing.batches import read_shard
from tasks.evaluate import evaluate
from tasks.gates.decide import decide
from tasks.models.folders import load_scorer
from tasks.models.scorers import sequence_scores
from tasks.models.sequences import join
from tasks.prepare_data import prepare_data
from tasks.train_reward import train_reward
from tests.data.rows_on_disk import demonstrations, labels, preferences
from tests.stage_folder import check_in, random_model, write_rounds

RULE = Rule(metric="reward_model_accuracy", at_least=0.0, use="low")


def params(judge: str) -> Params:
    loop = {"epochs": 4.0, "batch": 16, "learning_rate": 0.01}
    return parse_params({
        "seed": 1, "device": "cpu", "threads": 1, "base": {}, "pretrain": loop, "sft": loop, "reward_model": loop,
        "evaluate": {"prompts": 20, "resamples": 100, "samples": 2, "judge": {"kind": judge}},
        "data": {"sources": [{"path": "data/rows.jsonl"}], "validation_share": 0.2, "test_share": 0.3,
                 "judge_share": 0.2},
        "tokens": {"prompt": 40, "response": 24, "vocabulary": 300}, "reward": {"preference": 1.0, "models": []},
        "ppo": {"updates": 1}, "gates": {"rules": []}})


def made(root: Path, kinds: dict[str, list[dict]], judge: str) -> tuple[dict[str, float], dict[str, float]]:
    """The numbers of train_reward and of evaluate, in a folder that is the working one."""
    for kind, rows in kinds.items():
        check_in(kind, rows)
    prepare_data(params(judge), Silent())
    for seed, folder in enumerate((SFT, POLICY)):
        random_model(folder, seed, context=80)
    Path("dvc.yaml").write_text("stages:\n  train_reward: {cmd: x, deps: [build/prepared, build/sft]}\n"
                                "  evaluate: {cmd: x, deps: [build/prepared, build/sft]}\n")
    Path("params.yaml").write_text("seed: 1\n")
    trained = dict(train_reward(params(judge), Silent()))
    write_rounds()
    return trained, dict(evaluate(params(judge), Silent()))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory):
    """A workspace with labels and no comparison, a judge that learnt from labels too, and its numbers."""
    root = tmp_path_factory.mktemp("labels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("HALLMARK_HOME", raising=False)
        yield made(root, {"labels": labels(160), "demonstrations": demonstrations(80)}, "reward_model")


def written() -> Evidence:
    return Evidence.model_validate_json((EVIDENCE / "evidence.json").read_bytes())


def test_labels_alone_make_a_reward_model_that_ranks_held_out_answers(alone):
    trained, measured = alone
    assert trained["validation_accuracy"] > 0.9  # the two kinds of answers begin with other words
    assert measured["reward_model_auc"] > 0.9
    assert not [name for name in measured if name.endswith("_accuracy")]
    assert {"longer_answer_auc", "tfidf_auc", "reward_model_auc_minus_tfidf_auc",
            "reward_model_auc_minus_longer_answer_auc"} <= set(measured)
    assert all(math.isfinite(number) for number in (*trained.values(), *measured.values()))


def test_the_area_is_that_of_the_saved_models_scores(alone):
    rows = read_shard(PREPARED / "labels_test.jsonl")
    scorer = load_scorer(REWARD)
    with torch.no_grad():
        scores = sequence_scores(scorer, join(
            [row["prompt"] for row in rows], [row["response"] for row in rows], pad=0)).tolist()
    pairs = [(good, bad) for good, one in zip(scores, rows, strict=True) if one["good"]
             for bad, other in zip(scores, rows, strict=True) if not other["good"]]
    right = sum((good > bad) + 0.5 * (good == bad) for good, bad in pairs)
    assert alone[1]["reward_model_auc"] == pytest.approx(right / len(pairs), abs=0.01)


def test_the_offset_is_not_saved_with_the_model(alone):
    saved = set(load_file(REWARD / "model.safetensors"))
    assert saved == set(load_scorer(REWARD).state_dict())
    assert not [name for name in saved if "offset" in name or name.endswith("value")]


def test_a_rule_about_accuracy_asks_the_area_on_the_labels_that_lie_there(alone):
    names = [metric.name for metric in written().metrics]
    assert {ground_of(name) for name in names if "auc" in name} == {"labels"}

    def decided() -> tuple[str, str]:
        decision = decide(written(), [RULE], False,
                          expected=expected_of(folder_digest(POLICY), names, champion=None))
        return decision.verdict, decision.findings[0].metric

    assert decided() == ("promote", "reward_model_auc")
    before = FILES["labels"].read_bytes()
    FILES["labels"].write_bytes(before + b"\n")
    assert decided()[0] == "refuse"
    FILES["labels"].write_bytes(before)


def test_beside_comparisons_both_are_measured_and_comparisons_decide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HALLMARK_HOME", raising=False)
    trained, measured = made(tmp_path, {"labels": labels(80), "preferences": preferences(80),
                                        "demonstrations": demonstrations(80)}, "demo_world")
    assert {"reward_model_accuracy", "reward_model_auc", "tfidf_accuracy", "tfidf_auc"} <= set(measured)
    held_out = read_shard(PREPARED / "preferences_validation.jsonl")
    assert trained["validation_accuracy"] * len(held_out) == pytest.approx(
        round(trained["validation_accuracy"] * len(held_out)), abs=1e-9)
    assert decide(written(), [RULE], False).findings[0].metric == "reward_model_accuracy"
