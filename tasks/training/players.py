"""Who takes part in learning from rewards: the models, what they are paid for, and how answers are drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tasks.models.ends import Ends
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward
from tasks.training.objectives import Imitation, Parts
from tasks.training.order import ShuffledOrder


@dataclass(frozen=True)
class Prompt:
    """A prompt as the policy reads it and as a person does.

    Attributes:
        reference: an answer that somebody wrote to it, where there is one.
    """

    ids: list[int]
    text: str
    reference: str | None = None


@dataclass(frozen=True)
class Mix:
    """Demonstrations that are learned beside the reward, InstructGPT's PPO-ptx (arXiv:2203.02155, eq. 2)."""

    demonstrations: Imitation
    order: ShuffledOrder
    batch: int
    coefficient: float

    def parts(self, step: int) -> Parts:
        """Yield the parts of the weighted loss of an optimiser step, counted from 0 over the whole run."""
        return (partial(self._weighted, part) for part in self.demonstrations(self.order.batch(step, self.batch)))

    def _weighted(self, part: Callable[[], tuple[Tensor, dict[str, float]]]) -> tuple[Tensor, dict[str, float]]:
        return self.coefficient * part()[0], {}


@dataclass(frozen=True)
class Players:
    """The models, what they are paid for, and how answers are drawn.

    Attributes:
        policy: learns.
        reference: what the policy started from; stands still, and every reported KL is taken to it.
        anchor: what the policy is held near; the reference, or a model that follows the policy slowly.
        critic: learns; None for an algorithm that compares answers instead.
        decode: token ids of responses -> their texts.
        end: token ids that end an answer, tasks.models.ends.
        pad: a token id.
        most_tokens: longest response, end token included.
        temperature: scores are divided by it before an answer is drawn, and where its probability is taken.
        mix: demonstrations to learn beside the reward, or None.
    """

    policy: torch.nn.Module
    reference: Reference
    anchor: Reference
    critic: torch.nn.Module | None
    reward: ComposedReward
    decode: Callable[[list[list[int]]], list[str]]
    end: Ends
    pad: int
    most_tokens: int
    temperature: float
    mix: Mix | None = None

    @property
    def device(self) -> torch.device:
        """Where the policy lies."""
        return next(self.policy.parameters()).device
