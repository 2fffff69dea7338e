"""What the settings ask of a model before it learns, and what is undone after: the same in every stage."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tasks.models.adapters import merged, save_adapter, with_adapters
from tasks.models.memory import checkpoint_activations
from tasks.training.determinism import generator

if TYPE_CHECKING:
    from tasks.contracts.learning_config import LoopConfig
    from tasks.contracts.policy_config import PPOConfig


def ready_to_learn(model: torch.nn.Module, config: "LoopConfig | PPOConfig", *, seed: int) -> torch.nn.Module:
    """Give the model, in place, the adapters and the saving of memory that config asks for, and return it.

    Args:
        seed: of the adapters' weights.
    """
    if config.lora is not None:
        with_adapters(model, config.lora, generator=generator(seed))
    if config.gradient_checkpointing:
        checkpoint_activations(model)
    return model


def done_learning(model: torch.nn.Module, adapter: Path | None) -> None:
    """Merge the model's adapters, where it has some, into its weights: it is an ordinary one again.

    Args:
        adapter: the folder that the adapters are written to before; None: they are not kept.
    """
    if adapter is not None and hasattr(model, "peft_config"):
        save_adapter(model, adapter)
    merged(model)
