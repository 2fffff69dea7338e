import pytest
import torch

from tasks.rl.kl import k1, k2, k3


def test_the_estimators_at_a_log_ratio_of_one_half():
    half = torch.tensor(0.5, dtype=torch.float64)
    # k2 = 0.25 / 2; k3 = exp(-0.5) - 1 + 0.5 = 0.6065306597 - 0.5
    assert k1(half).item() == 0.5
    assert k2(half).item() == 0.125
    assert k3(half).item() == pytest.approx(0.1065306597, abs=1e-9)


def test_k1_may_be_negative_and_k3_never_is():
    log_ratio = torch.tensor([-2.0, -0.1, 0.0, 0.1, 2.0], dtype=torch.float64)
    assert k1(log_ratio).min() < 0
    assert k3(log_ratio).min() == 0.0


def test_k1_and_k3_agree_on_average_over_the_policy():
    policy, reference = torch.tensor([0.7, 0.3], dtype=torch.float64), torch.tensor([0.4, 0.6], dtype=torch.float64)
    log_ratio = policy.log() - reference.log()
    exact = 0.7 * 0.5596157879354227 + 0.3 * -0.6931471805599453  # ln(0.7 / 0.4), ln(0.3 / 0.6)
    assert (policy * k1(log_ratio)).sum().item() == pytest.approx(exact, abs=1e-12)
    assert (policy * k3(log_ratio)).sum().item() == pytest.approx(exact, abs=1e-12)
