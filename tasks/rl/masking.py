"""Statistics over the tokens that count. In every mask, True means that the entry counts."""

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the entries where mask is True, as a scalar.

    Args:
        values: float, any shape.
        mask: bool, the same shape.

    Raises:
        ValueError: if the shapes differ, or no entry counts (there is no mean of nothing).
    """
    _check(values, mask)
    return torch.where(mask, values, 0.0).sum() / mask.sum()


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Return the population variance of the entries where mask is True, as a scalar."""
    mean = masked_mean(values, mask)
    return masked_mean((values - mean) ** 2, mask)


def masked_whiten(values: Tensor, mask: Tensor, *, epsilon: float = 1e-8) -> Tensor:
    """Return values with mean 0 and variance 1 over the mask, and 0 elsewhere."""
    mean, variance = masked_mean(values, mask), masked_variance(values, mask)
    return torch.where(mask, (values - mean) * torch.rsqrt(variance + epsilon), 0.0)


def _check(values: Tensor, mask: Tensor) -> None:
    if values.shape != mask.shape:
        raise ValueError(f"values have shape {tuple(values.shape)}, the mask {tuple(mask.shape)}")
    if not mask.any():
        raise ValueError("the mask is all False; there is no mean of nothing")
