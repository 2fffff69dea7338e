"""Advantages: how much better a token was than the critic expected."""

import torch
from torch import Tensor


def generalised_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float, trace_decay: float
) -> tuple[Tensor, Tensor]:
    """Return GAE advantages and the value targets they imply.

    Schulman et al. 2016, arXiv:1506.02438, section 3. An episode is one response,
    so the value after its last token is zero:

        delta_t = r_t + discount * V_{t+1} - V_t
        A_t     = delta_t + discount * trace_decay * A_{t+1}

    Args:
        rewards: float [batch, time], per-token reward with the KL penalty in it.
        values: float [batch, time], the critic's estimate before each token.
        mask: bool [batch, time], True on response tokens; padding is on the right.

    Returns:
        advantages: float [batch, time], not whitened, zero on padding.
        targets: float [batch, time], advantages + values, zero on padding.

    Raises:
        ValueError: if the shapes differ.
    """
    if not rewards.shape == values.shape == mask.shape:
        raise ValueError(
            f"rewards {tuple(rewards.shape)}, values {tuple(values.shape)} and mask {tuple(mask.shape)} differ")
    rewards, values = torch.where(mask, rewards, 0.0), torch.where(mask, values, 0.0)
    advantages = torch.zeros_like(rewards)
    next_value = next_advantage = rewards.new_zeros(rewards.shape[0])
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + discount * next_value - values[:, t]
        next_advantage = torch.where(mask[:, t], delta + discount * trace_decay * next_advantage, 0.0)
        next_value = values[:, t]
        advantages[:, t] = next_advantage
    return advantages, torch.where(mask, advantages + values, 0.0)
