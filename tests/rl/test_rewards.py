import pytest
import torch

from tasks.rl.rewards import token_rewards

KL = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 99.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_the_score_lands_on_the_last_token_and_the_penalty_on_each():
    rewards = token_rewards(torch.tensor([1.0, 2.0], dtype=torch.float64), KL, MASK, kl_coefficient=0.5)
    # row 0: -.05, -.1, -.15 + 1; row 1: -.2, -.25 + 2, padding 0
    assert rewards[0].tolist() == pytest.approx([-0.05, -0.1, 0.85], abs=1e-12)
    assert rewards[1].tolist() == pytest.approx([-0.2, 1.75, 0.0], abs=1e-12)


def test_an_empty_response_is_refused_since_its_score_would_be_lost():
    with pytest.raises(ValueError, match="no token"):
        token_rewards(torch.zeros(2, dtype=torch.float64), KL, MASK & torch.tensor([[True], [False]]),
                      kl_coefficient=0.1)
