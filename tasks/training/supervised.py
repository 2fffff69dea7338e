"""The supervised loop: pretraining, SFT and the reward model differ in the loss alone."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasks.contracts.reporting import Sink
from tasks.models.checkpoints import (
    load_checkpoint,
    optimiser_tensors,
    remove_checkpoints,
    restore_optimiser,
    save_checkpoint,
)
from tasks.training.optimising import adamw, cosine_rate, descend
from tasks.training.order import ShuffledOrder

if TYPE_CHECKING:
    from tasks.contracts.learning_config import LoopConfig

LossOfRows = Callable[[list[int]], tuple[Tensor, Mapping[str, float]]]
SAVE_EVERY = 100  # steps between two checkpoints


def train_supervised(
    model: torch.nn.Module, rows: int, loss_of: LossOfRows, config: "LoopConfig", *,
    seed: int, sink: Sink, checkpoints: Path, what: str,
) -> dict[str, float]:
    """Train the model in place and return the numbers of its last step.

    Resumes from the latest checkpoint; every step depends on the seed, its number and the weights alone.

    Args:
        rows: how many rows there are.
        loss_of: row numbers -> scalar loss and further numbers to report.
        what: the stage's name, for messages.

    Raises:
        NotFinite: a loss or gradient is NaN or infinite; the last checkpoint stays.
    """
    steps = max(1, math.ceil(rows * config.epochs / config.batch))
    order = ShuffledOrder(rows, seed)
    optimiser = adamw(model, learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    sink.begin(steps)
    history = _resume(model, optimiser, checkpoints)
    for number, past in enumerate(history, 1):
        sink.step(number, past)
    for step in range(len(history), steps):
        rate = cosine_rate(step, steps, config)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss, numbers = loss_of(order.batch(step, config.batch))
        norm = descend(loss, model, optimiser, clip=config.gradient_clip, what=f"{what}, step {step + 1}")
        history.append({"loss": loss.item(), **numbers, "gradient_norm": norm, "learning_rate": rate})
        sink.step(step + 1, history[-1])
        if (step + 1) % SAVE_EVERY == 0 and step + 1 < steps:
            save_checkpoint(checkpoints, step + 1, _tensors(model, optimiser), {"history": history})
    remove_checkpoints(checkpoints)
    return history[-1]


def _tensors(model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    weights = {f"model.{name}": parameter for name, parameter in model.named_parameters()}
    return {**weights, **optimiser_tensors(optimiser, "optimiser")}


def _resume(model: torch.nn.Module, optimiser: torch.optim.Optimizer, checkpoints: Path) -> list[dict[str, float]]:
    """Put model and optimiser back to the latest checkpoint and return the numbers of the steps before it."""
    found = load_checkpoint(checkpoints)
    if found is None:
        return []
    tensors, state = found
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    restore_optimiser(optimiser, tensors, "optimiser")
    return state["history"]
