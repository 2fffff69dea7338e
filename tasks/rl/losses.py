"""The losses, each formula once. All reduce to a scalar; masks are True on tokens that count."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tasks.rl.masking import masked_mean


def clipped_policy_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, *, clip: float
) -> tuple[Tensor, Tensor]:
    """Return PPO's clipped loss and the share of tokens whose ratio was clipped.

    Schulman et al. 2017, arXiv:1707.06347, eq. 7, with rho = exp(log_probs - old_log_probs):

        loss = -mean(min(rho * A, clip(rho, 1 - clip, 1 + clip) * A))

    Args:
        log_probs, old_log_probs, advantages: float, one shape.
        mask: bool, the same shape.
    """
    ratio = torch.exp(log_probs - old_log_probs)
    unclipped = ratio * advantages
    clipped = ratio.clamp(1 - clip, 1 + clip) * advantages
    loss = -masked_mean(torch.minimum(unclipped, clipped), mask)
    return loss, masked_mean((clipped < unclipped).float(), mask).detach()


def clipped_value_loss(values: Tensor, old_values: Tensor, targets: Tensor, mask: Tensor, *, clip: float) -> Tensor:
    """Return half the mean of the larger squared error, of the value and of the value held near its old one.

    As in OpenAI's baselines (Huang et al. 2024, "The N+ implementation details of RLHF with PPO", arXiv:2403.17031):

        loss = mean(max((V - T)**2, (clip(V, V_old - clip, V_old + clip) - T)**2)) / 2
    """
    held = torch.clamp(values, old_values - clip, old_values + clip)
    return masked_mean(torch.maximum((values - targets) ** 2, (held - targets) ** 2), mask) / 2


def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return -mean(log sigmoid(chosen - rejected)) over pairs of scores, float [pairs].

    Bradley and Terry 1952; as a reward model's loss: Ouyang et al. 2022, arXiv:2203.02155, eq. 1.
    """
    return -F.logsigmoid(chosen - rejected).mean()
