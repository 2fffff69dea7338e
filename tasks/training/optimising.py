"""One optimiser step: clipped, checked, with the learning rate of its moment."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasks.contracts.errors import NotFinite
from tasks.models.workers import in_order

if TYPE_CHECKING:
    from tasks.contracts.learning_config import LoopConfig


def adamw(model: torch.nn.Module, *, learning_rate: float, weight_decay: float = 0.0) -> torch.optim.AdamW:
    """Return AdamW (arXiv:1711.05101) in one fused kernel; vectors (norms, biases) are not decayed."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, betas=(0.9, 0.95),
                             eps=1e-8, fused=True)


def scheduled_rate(step: int, steps: int, config: "LoopConfig") -> float:
    """Return the learning rate of a step, from 0: a linear rise to the peak, then what config.schedule says.

    With p from 0 at the peak to 1 at the end, which is one step behind the last:

        constant  peak
        linear    peak * (final + (1 - final) * (1 - p))
        cosine    peak * (final + (1 - final) * (1 + cos(pi * p)) / 2)
    """
    warmup = max(1, round(steps * config.warmup_share))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    left = {"constant": 1.0, "linear": 1 - progress, "cosine": (1 + math.cos(math.pi * progress)) / 2}[config.schedule]
    final = 1.0 if config.schedule == "constant" else config.final_share
    return config.learning_rate * (final + (1 - final) * left)


Part = Callable[[], tuple[Tensor, Mapping[str, float]]]  # computes a micro-batch's loss, and numbers to report


@dataclass(frozen=True)
class Learner:
    """A model about to take a step.

    Attributes:
        parts: of its loss, one a micro-batch; they add up to the loss, and the numbers of a name to its number.
        what: its name, for messages.
    """

    model: torch.nn.Module
    optimiser: torch.optim.Optimizer
    parts: Iterable[Part]
    what: str


def descend(learners: Sequence[Learner], *, clip: float,
            unless: Callable[[Mapping[str, float]], bool] = lambda _: False) -> list[dict[str, float]]:
    """Back-propagate, clip each model's gradient's global norm, step, and return each one's numbers.

    The parts of all models are one row of work (tasks.models.workers); each is back-propagated as soon as it is
    computed, so that few micro-batches' activations exist at a time.

    Args:
        unless: asked with the first learner's numbers once the gradients are there; where it says True, all weights
            are left as they are.

    Returns:
        Of each learner `loss`, `gradient_norm` before clipping, and its parts' own numbers.

    Raises:
        NotFinite: a loss or gradient is NaN or infinite; no weight is touched.
    """
    for learner in learners:
        learner.optimiser.zero_grad(set_to_none=True)
    found = _back_propagated(learners)
    for learner, numbers in zip(learners, found, strict=True):
        numbers["gradient_norm"] = torch.nn.utils.clip_grad_norm_(learner.model.parameters(), clip).item()
        _refuse_not_finite(numbers, learner.what)
    if not unless(found[0]):
        for learner in learners:
            learner.optimiser.step()
    return found


def _back_propagated(learners: Sequence[Learner]) -> list[dict[str, float]]:
    """Add every part's gradient to its model's, in the parts' order; return each learner's numbers."""
    weights = [[weight for weight in one.model.parameters() if weight.requires_grad] for one in learners]
    totals: list[dict[str, float]] = [{"loss": 0.0} for _ in learners]
    jobs = (partial(_gradient, part, weights[index], index)
            for index, one in enumerate(learners) for part in one.parts)
    for index, numbers, gradient in in_order(jobs, weights[0][0].device):
        for weight, new in zip(weights[index], gradient, strict=True):
            if new is not None:
                weight.grad = new if weight.grad is None else weight.grad.add_(new)
        for name, number in numbers.items():
            totals[index][name] = totals[index].get(name, 0.0) + number
    return totals


def _gradient(part: Part, weights: Sequence[Tensor], index: int) -> tuple[
        int, dict[str, float], Sequence[Tensor | None]]:
    loss, numbers = part()
    if loss.is_cuda:  # there no part runs beside another, and one gradient is enough memory
        loss.backward()
    gradient = [None] * len(weights) if loss.is_cuda else _apart(torch.autograd.grad(loss, weights, allow_unused=True))
    return index, {"loss": loss.item(), **numbers}, gradient


def _apart(gradient: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The same numbers, each weight's in memory of its own: autograd may give two weights one tensor."""
    places: set[int] = set()
    found: list[Tensor | None] = []
    for one in gradient:
        if one is not None and (one.data_ptr() in places or not one.is_contiguous()):
            one = one.contiguous().clone()
        found.append(one)
        places.update(() if one is None else (one.data_ptr(),))
    return found


def _refuse_not_finite(numbers: Mapping[str, float], what: str) -> None:
    for name in ("loss", "gradient_norm"):
        if not math.isfinite(numbers[name]):
            raise NotFinite(f"the {name.replace('_', ' ')} is not finite", where=what, wanted="a finite number",
                            found=str(numbers[name]),
                            next_step="Lower the learning rate, or look at the rows of this step.")
