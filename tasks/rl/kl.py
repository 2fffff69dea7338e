"""The distance between policy and reference, estimated from sampled tokens.

Estimators after Schulman 2020, "Approximating KL divergence". With x sampled from the policy and
log_ratio = log policy(x) - log reference(x), all three estimate KL(policy || reference) in nats:

    k1 = log_ratio                          unbiased, can be negative
    k2 = log_ratio**2 / 2                   biased, low variance
    k3 = exp(-log_ratio) - 1 + log_ratio    unbiased, never negative
"""

import torch
from torch import Tensor


def k1(log_ratio: Tensor) -> Tensor:
    """Return the plain estimator, nats a token, the shape of log_ratio."""
    return log_ratio


def k2(log_ratio: Tensor) -> Tensor:
    """Return half the squared log ratio, nats a token."""
    return log_ratio**2 / 2


def k3(log_ratio: Tensor) -> Tensor:
    """Return the unbiased estimator that is never negative, nats a token."""
    return torch.expm1(-log_ratio) + log_ratio
