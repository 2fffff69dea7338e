import math

import pytest
import torch

from tasks.rl.losses import bradley_terry_loss, clipped_policy_loss, clipped_value_loss


def row(*values):
    return torch.tensor([values], dtype=torch.float64)


ALL = torch.tensor([[True, True, True, True]])


def policy_loss(ratios, advantages, mask=ALL, clip=0.2):
    zero = torch.zeros_like(row(*ratios))
    return clipped_policy_loss(row(*ratios).log(), zero, row(*advantages), mask, clip=clip)


def test_the_policy_loss_takes_the_smaller_of_clipped_and_unclipped():
    # ratio 1.5, A 1 -> min(1.5, 1.2) = 1.2 (clipped); ratio 0.5, A 1 -> min(0.5, 0.8) = 0.5
    # ratio 1.5, A -1 -> min(-1.5, -1.2) = -1.5;        ratio 0.5, A -1 -> min(-0.5, -0.8) = -0.8 (clipped)
    loss, share = policy_loss([1.5, 0.5, 1.5, 0.5], [1.0, 1.0, -1.0, -1.0])
    assert loss.item() == pytest.approx(-(1.2 + 0.5 - 1.5 - 0.8) / 4, abs=1e-12)
    assert share.item() == 0.5


def test_a_clipped_token_gives_no_gradient_and_an_unclipped_one_does():
    log_probs = torch.log(row(1.5, 1.1)).requires_grad_()
    loss, _ = clipped_policy_loss(log_probs, torch.zeros(1, 2, dtype=torch.float64), row(1.0, 1.0),
                                  torch.tensor([[True, True]]), clip=0.2)
    loss.backward()
    assert log_probs.grad.tolist() == [[0.0, pytest.approx(-1.1 / 2, abs=1e-12)]]


def test_padding_counts_in_no_loss():
    mask = torch.tensor([[True, False, False, False]])
    loss, _ = policy_loss([1.1, 9.0, 9.0, 9.0], [2.0, 9.0, 9.0, 9.0], mask)
    assert loss.item() == pytest.approx(-2.2, abs=1e-12)
    value = clipped_value_loss(row(1.0, 9.0), row(1.0, 0.0), row(0.0, 0.0), torch.tensor([[True, False]]), clip=0.2)
    assert value.item() == pytest.approx(0.5, abs=1e-12)


def test_the_value_loss_takes_the_larger_of_held_and_free_error():
    # V 1, old 0, target 0, clip 0.2: free 1, held (0.2)^2 = 0.04 -> 1
    # V 1, old 0, target 2, clip 0.2: free 1, held (0.2 - 2)^2 = 3.24 -> 3.24
    loss = clipped_value_loss(row(1.0, 1.0), row(0.0, 0.0), row(0.0, 2.0), torch.tensor([[True, True]]), clip=0.2)
    assert loss.item() == pytest.approx((1 + 3.24) / 2 / 2, abs=1e-12)


@pytest.mark.parametrize(("margin", "expected"), [(1.0, 0.3132616875), (-1.0, 1.3132616875), (0.0, 0.6931471806)])
def test_the_bradley_terry_loss_is_as_published(margin, expected):
    loss = bradley_terry_loss(torch.tensor([margin], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    assert expected == pytest.approx(math.log(1 + math.exp(-margin)), abs=1e-9)
