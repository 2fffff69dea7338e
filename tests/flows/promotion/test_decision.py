"""A refusal is a sentence, and evidence of other bytes is none."""

import json
from pathlib import Path

import pytest

from flows.promotion.decision import read_candidate, refusal, rules_digest
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.evidence import Decision, Finding
from tasks.contracts.gate_config import GatesConfig, Rule
from tests.flows.toy import measured

WON_TOO_LITTLE = Finding(
    metric="policy_vs_sft_win_rate", wanted="low >= 0.65", found=0.36, low=0.36, high=0.46, samples=400, passed=False,
    reason="the low end of policy_vs_sft_win_rate is 0.36, below 0.65")
FAR = Finding(metric="kl_nats", wanted="value <= 10", found=3.0, low=2.9, high=3.1, samples=400, passed=True, reason="")
NOT_MEASURED = Finding(metric="safety_rate", wanted="value >= 0.95", found=None, low=None, high=None, samples=None,
                       passed=False, reason="the evidence has no safety_rate")


def refused(*findings: Finding) -> str:
    return refusal(Decision(candidate="d", verdict="refuse", findings=findings))


def test_a_refusal_names_metric_bound_number_interval_and_reason() -> None:
    assert refused(WON_TOO_LITTLE, FAR) == (
        "refused: policy_vs_sft_win_rate wanted low >= 0.65, found 0.36 [0.36, 0.46]: "
        "the low end of policy_vs_sft_win_rate is 0.36, below 0.65")


def test_every_failed_finding_is_in_the_sentence_and_what_is_missing_too() -> None:
    assert refused(WON_TOO_LITTLE, NOT_MEASURED).endswith(
        "; safety_rate wanted value >= 0.95, found nothing: the evidence has no safety_rate")


def test_a_refusal_without_findings_says_that_no_rule_asked() -> None:
    assert "no gate rule" in refused()


# as `sha256sum` says of the text `weights`, and then of the hex of that: a folder with this one file
WEIGHTS = "39c2875015b458ee3716b19418b350e3a2ed20b73ed1c3da5dada26e0537ef7d"


def candidate_files(root: Path, candidate: str = WEIGHTS) -> None:
    for folder in ("policy", "evidence"):
        (root / "build" / folder).mkdir(parents=True)
    (root / "build/policy/model.safetensors").write_bytes(b"weights")
    (root / "build/evidence/evidence.json").write_text(
        json.dumps({"candidate": candidate, "metrics": json.loads(measured(0.6))}))


def test_a_candidate_is_its_bytes_and_the_evidence_about_them(tmp_path: Path) -> None:
    candidate_files(tmp_path)

    candidate = read_candidate(tmp_path)

    assert candidate.digest == WEIGHTS
    assert candidate.evidence is not None
    assert [metric.low for metric in candidate.evidence.metrics] == [0.6]


def test_evidence_about_other_bytes_is_refused(tmp_path: Path) -> None:
    candidate_files(tmp_path, "0" * 64)

    with pytest.raises(DigestMismatch, match="another model"):
        read_candidate(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"candidate": "x", "metrics": [{}]}'])
def test_evidence_that_cannot_be_read_is_no_evidence(tmp_path: Path, text: str) -> None:
    candidate_files(tmp_path)
    (tmp_path / "build/evidence/evidence.json").write_text(text)

    assert read_candidate(tmp_path).evidence is None


def test_other_rules_have_another_digest() -> None:
    one, other = Rule(metric="kl_nats", at_most=10.0), Rule(metric="kl_nats", at_most=10.5)

    asked = [GatesConfig(rules=rules) for rules in ([one], [other], [], [one, other])]
    asked.append(GatesConfig(rules=[one], correction="none"))

    assert len({rules_digest(gates) for gates in asked}) == 5
    assert rules_digest(asked[0]) == rules_digest(GatesConfig(rules=[Rule(metric="kl_nats", at_most=10.0)]))
