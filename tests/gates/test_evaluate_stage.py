"""evaluate and compare on random weights: each number is measured on what it says, and believed for no other."""

import csv
import math
from pathlib import Path

import pytest
import torch

from tasks.compare import compare
from tasks.contracts.canonical import folder_digest
from tasks.contracts.config import Params, parse_params
from tasks.contracts.evidence import Evidence
from tasks.contracts.gate_config import Rule
from tasks.contracts.measured_on import FILES, expected_of, ground_of
from tasks.contracts.places import EVIDENCE, POLICY, SFT
from tasks.contracts.reporting import Silent
from tasks.evaluate import answers_of, evaluate
from tasks.gates.decide import decide
from tasks.prepare_data import prepare_data
from tasks.train_reward import train_reward
from tasks.training.answering import Answerer
from tests.data.rows_on_disk import demonstrations, preferences
from tests.stage_folder import check_in, random_model, write_rounds

CHAMPION = Path("champion")


def params() -> Params:
    loop = {"epochs": 1.0, "batch": 16}
    return parse_params({
        "seed": 1, "device": "cpu", "threads": 1, "base": {}, "pretrain": loop, "sft": loop, "reward_model": loop,
        "evaluate": {"prompts": 20, "resamples": 100, "samples": 2, "slices": ["topic", "group"]},
        "data": {"sources": [{"path": "data/rows.jsonl"}], "validation_share": 0.2, "test_share": 0.4},
        "tokens": {"prompt": 40, "response": 12, "vocabulary": 300}, "reward": {"preference": 1.0, "models": []},
        "ppo": {"updates": 1}, "gates": {"rules": []}})


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory):
    """A workspace in which evaluate has run and its numbers; the test works in it."""
    root = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("HALLMARK_HOME", raising=False)
        for kind, rows in (("preferences", preferences(80)), ("demonstrations", demonstrations(80))):
            check_in(kind, (row | {"topic": f"t{number % 2}"} for number, row in enumerate(rows)))
        prepare_data(params(), Silent())
        for seed, folder in enumerate((SFT, POLICY, CHAMPION)):
            random_model(folder, seed, context=60)
        Path("dvc.yaml").write_text("stages:\n  train_reward: {cmd: x, deps: [build/prepared, build/sft]}\n")
        Path("params.yaml").write_text("seed: 1\n")
        train_reward(params(), Silent())
        write_rounds()
        yield evaluate(params(), Silent())


def written() -> Evidence:
    return Evidence.model_validate_json((EVIDENCE / "evidence.json").read_bytes())


def test_every_number_is_finite_in_its_interval_on_samples_and_named_once(measured):
    found = written()
    assert measured == {metric.name: metric.value for metric in found.metrics}
    assert len(measured) == len(found.metrics)
    for metric in found.metrics:
        assert math.isfinite(metric.low), metric.name
        assert math.isfinite(metric.high), metric.name
        assert metric.low <= metric.value <= metric.high, metric.name
        assert metric.samples >= 1, metric.name
    assert (found.candidate, found.confidence) == (folder_digest(POLICY), 0.95)


def test_every_number_is_measured_on_what_its_name_says(measured):
    found = written()
    expected = expected_of(folder_digest(POLICY), measured, champion=None)
    assert {metric.name: metric.measured_on for metric in found.metrics} == expected.measured_on
    assert {ground_of(name) for name in measured} == {"prompts", "comparisons", "demonstrations", "rounds"}


def test_the_evidence_has_what_rules_may_ask_for(measured):
    wanted = {
        "reward_model_accuracy_minus_tfidf_accuracy", "reward_model_accuracy_minus_longer_answer_accuracy",
        "reward_model_calibration_error", "reward_length_correlation", "policy_vs_sft_win_rate",
        "reward_part_preference", "reward_part_preference_sft", "perplexity", "perplexity_sft", "perplexity_ratio",
        "repeated_share", "safety_rate", "judge_drop", "overoptimisation_alpha", "overoptimisation_beta"}
    assert wanted <= set(measured)
    # perplexity is of one set of tokens: exp(a) / exp(b) = exp(a - b)
    assert measured["perplexity_ratio"] == pytest.approx(measured["perplexity"] / measured["perplexity_sft"])


def test_a_column_that_no_prompt_has_is_not_measured(measured):
    assert not [name for name in measured if name.endswith("_group")]
    assert not [name for name in measured if name.endswith("_slice")]  # nor one that nobody asked for


def test_the_rounds_are_written_with_the_fit_beside_them(measured):
    with (EVIDENCE / "rounds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["update"] for row in rows] == ["0", "1", "2"]
    start = float(rows[0]["judge"])
    # at 1 nat ln d = 0, so the fit is the start and alpha
    assert float(rows[1]["judge_fit"]) == pytest.approx(start + measured["overoptimisation_alpha"])
    assert float(rows[0]["judge_fit"]) == start


def test_the_kl_is_that_of_the_policys_own_answers(measured):
    answers = answers_of(Answerer(POLICY, torch.device("cpu")), params())
    ours, theirs = (Answerer(folder, torch.device("cpu")).log_likelihoods(answers, temperature=1.0)
                    for folder in (POLICY, SFT))
    assert measured["kl_nats"] == pytest.approx((sum(ours) - sum(theirs)) / len(ours), abs=1e-4)


def test_a_comparison_adds_the_champion_and_is_believed_against_that_champion_only(measured):
    joined = compare(params(), Silent(), CHAMPION)
    added = {metric.name for metric in joined.metrics} - set(measured)
    assert added == {"policy_vs_champion_win_rate", "judge_score_champion", "judge_score_minus_champion",
                     "safety_rate_champion", "safety_rate_minus_champion"}
    rules, names = [Rule(metric="judge_score", not_worse_than_champion=True, margin=2.0)], [*measured, *added]

    def verdict(champion: str | None) -> str:
        expected = expected_of(joined.candidate, names, champion=champion)
        return decide(joined, rules, True, expected=expected).verdict

    assert verdict(folder_digest(CHAMPION)) == "promote"
    assert verdict("5e" * 32) == "refuse"  # it was compared with another one
    assert verdict(None) == "refuse"


def test_evidence_of_data_that_has_changed_since_is_refused(measured, monkeypatch):
    rules = [Rule(metric="kl_nats", at_most=1e6), Rule(metric="perplexity", at_most=1e6)]
    before = FILES["demonstrations"].read_bytes()
    assert decide(written(), rules, False, expected=expected_of(folder_digest(POLICY), measured, champion=None)
                  ).verdict == "promote"
    FILES["demonstrations"].write_bytes(before + b"\n")
    decision = decide(written(), rules, False, expected=expected_of(folder_digest(POLICY), measured, champion=None))
    FILES["demonstrations"].write_bytes(before)
    assert [finding.passed for finding in decision.findings] == [True, False]
    assert "perplexity is stale" in decision.findings[1].reason
