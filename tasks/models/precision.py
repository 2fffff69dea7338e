"""In which number format a forward pass runs."""

import contextlib

import torch


def precision(device: torch.device) -> contextlib.AbstractContextManager:
    """Return the context for forward passes: bf16 on a GPU (weights stay float32), float32 on the CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def number_format(weight: torch.Tensor) -> torch.dtype:
    """Return the format that a product with this weight is computed in now, autocast included."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
