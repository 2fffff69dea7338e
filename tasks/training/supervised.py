"""The supervised loop: pretraining, SFT and the reward model differ in the loss alone."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tasks.contracts.reporting import Sink
from tasks.models.checkpoints import remove_checkpoints
from tasks.training.adapting import done_learning, ready_to_learn
from tasks.training.optimising import Learner, Part, adamw, descend, scheduled_rate
from tasks.training.order import ShuffledOrder
from tasks.training.resuming import Snapshot

if TYPE_CHECKING:
    from tasks.contracts.learning_config import LoopConfig

Objective = Callable[[list[int]], Iterable[Part]]
SAVE_EVERY = 100  # steps between two checkpoints


def train_supervised(
    model: torch.nn.Module, rows: int, objective: Objective, config: "LoopConfig", *,
    seed: int, sink: Sink, checkpoints: Path, what: str, adapter: Path | None = None,
    beside: torch.nn.Module | None = None,
) -> dict[str, float]:
    """Train the model in place and return the numbers of its last step.

    Where config.lora is set, adapters learn, and are merged into the weights at the end: the model is an ordinary one
    before and after.

    Resumes from the latest checkpoint; every step depends on the seed, its number and the weights alone.

    Args:
        rows: how many rows there are.
        objective: row numbers -> the micro-batches of a batch (tasks.training.objectives).
        what: the stage's name, for messages.
        adapter: the folder that the adapters are written to as well before they are merged.
        beside: what learns with the model and is no part of it, such as a threshold of the objective.

    Raises:
        NotFinite: a loss or gradient is NaN or infinite; the last checkpoint stays.
    """
    steps = max(1, math.ceil(rows * config.epochs / config.batch))
    order = ShuffledOrder(rows, seed)
    ready_to_learn(model, config, seed=seed)
    learning = model if beside is None else torch.nn.ModuleList([model, beside])
    optimiser = adamw(learning, learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    sink.begin(steps)
    snapshot = Snapshot({"model": learning}, {"model": optimiser})
    found = snapshot.restore(checkpoints)
    history: list[dict[str, float]] = found[1]["history"] if found else []
    for number, past in enumerate(history, 1):
        sink.step(number, past)
    for step in range(len(history), steps):
        rate = scheduled_rate(step, steps, config)
        for group in optimiser.param_groups:
            group["lr"] = rate
        learner = Learner(learning, optimiser, objective(order.batch(step, config.batch)), f"{what}, step {step + 1}")
        (numbers,) = descend([learner], clip=config.gradient_clip)
        history.append({**numbers, "learning_rate": rate})
        sink.step(step + 1, history[-1])
        if (step + 1) % SAVE_EVERY == 0 and step + 1 < steps:
            snapshot.save(checkpoints, step + 1, state={"history": history})
    done_learning(model, adapter)
    remove_checkpoints(checkpoints)
    return history[-1]
