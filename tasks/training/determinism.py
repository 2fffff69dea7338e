"""The same seed on the same kind of machine gives the same bytes."""

import os

import torch

from tasks.models.workers import use_workers


def settle(seed: int, *, threads: int) -> None:
    """Seed torch's generators, fix the number of CPU cores to use, and refuse operations whose result may vary.

    Process-wide; called once at the start of a stage. The number of threads changes no byte.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is repeatable only with a fixed workspace
    use_workers(threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a random generator of its own, so that nothing else draws from it."""
    return torch.Generator(device=device).manual_seed(seed)
