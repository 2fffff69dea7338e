"""Learning from rewards, as in InstructGPT (arXiv:2203.02155) and with the details of Huang et al. 2024,
arXiv:2403.17031: no dropout, separate critic, per-token KL in the reward, penalty for a missing end, whitened
advantages, constant learning rate, both gradients clipped. The algorithms without a critic learn in the same way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasks.models.log_probs import response_log_probs, response_log_probs_alone
from tasks.models.precision import precision
from tasks.models.scorers import response_values
from tasks.models.scoring import micro_batches
from tasks.rewards.scale import Scale
from tasks.rl.kl import ESTIMATORS, k3
from tasks.rl.losses import clipped_policy_loss, clipped_value_loss
from tasks.rl.masking import counted, token_weights, weighted_sum
from tasks.training.credit import Controls
from tasks.training.optimising import Learner, descend
from tasks.training.players import Players, Prompt
from tasks.training.rollouts import Experience, collect

if TYPE_CHECKING:
    from tasks.contracts.policy_config import PPOConfig

Loss = tuple[Tensor, dict[str, float]]  # of a micro-batch, and its share of the numbers to report


def update(players: Players, optimisers: Mapping[str, torch.optim.Optimizer], prompts: Sequence[Prompt],
           config: "PPOConfig", scale: Scale, controls: Controls, *, source: torch.Generator, order: torch.Generator,
           number: int) -> tuple[dict[str, float], Controls]:
    """Do one update: sample, score, then learn for config.epochs passes, or until the policy is too far.

    Args:
        optimisers: `policy`, and `critic` where there is one.
        prompts: config.rollout_batch / config.group of them.
        scale: of the reward on the reference's answers.
        source: generator of the models' device, for sampling.
        order: CPU generator, for the order of minibatches.
        number: the update's number from 1, for messages and for the order of demonstrations.

    Returns:
        The numbers to report, and the controls for the next update.

    Raises:
        NotFinite: a reward, loss or gradient is NaN or infinite.
    """
    experience, numbers, parts, after = collect(players, prompts, config, scale, controls, source=source)
    minibatches = [rows for _ in range(config.epochs)
                   for rows in torch.randperm(config.rollout_batch, generator=order).split(config.minibatch)]
    learned: list[dict[str, float]] = []
    for index, rows in enumerate(minibatches):
        step = _Step(players, optimisers, experience, rows, config, controls.kl_coefficient,
                     what=f"train_policy, update {number}")
        learned.append(step.learn((number - 1) * len(minibatches) + index))
        if step.too_far(learned[-1]):
            break
    if config.reference_decay is not None:
        players.anchor.follow(players.policy, decay=config.reference_decay)
    numbers |= {**_means(learned), "kl_coefficient": controls.kl_coefficient, "optimiser_steps": float(len(learned)),
                **players.reward.learn(parts)}
    return numbers, after.steered(config, numbers["kl_nats"])


def _means(learned: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over the steps that have it."""
    found: dict[str, list[float]] = {}
    for one in learned:
        for name, number in one.items():
            found.setdefault(name, []).append(number)
    return {name: sum(numbers) / len(numbers) for name, numbers in found.items()}


class _Step:
    """One optimiser step of the policy, and one of the critic where there is one, on some rows of the experience."""

    def __init__(self, players: Players, optimisers: Mapping[str, torch.optim.Optimizer], experience: Experience,
                 rows: Tensor, config: "PPOConfig", kl_coefficient: float, *, what: str):
        self._players, self._optimisers, self._experience = players, optimisers, experience
        self._rows, self._config, self._kl_coefficient = rows.to(players.device), config, kl_coefficient
        self._what = what

    def learn(self, step: int) -> dict[str, float]:
        """Take the steps and return their numbers; `step` counts from 0 over the whole run."""
        players = self._players
        mix = players.mix.parts(step) if players.mix else ()
        learners = [Learner(players.policy, self._optimisers["policy"], chain(self._parts(self._policy_loss), mix),
                            f"{self._what}, policy")]
        if players.critic is not None:
            learners.append(Learner(players.critic, self._optimisers["critic"], self._parts(self._value_loss),
                                    f"{self._what}, critic"))
        numbers, *of_critic = descend(learners, clip=self._config.gradient_clip, unless=self._stays)
        numbers = {"policy_loss": numbers.pop("loss"), **numbers, "left_out_share": float(self._left_out(numbers))}
        for found in of_critic:
            numbers |= {"value_loss": found["loss"], "critic_gradient_norm": found["gradient_norm"]}
        return numbers

    def too_far(self, numbers: Mapping[str, float]) -> bool:
        """Whether the policy has left the one that sampled by more than the settings allow."""
        return self._config.stop_kl is not None and numbers["step_kl_nats"] > self._config.stop_kl

    def _left_out(self, numbers: Mapping[str, float]) -> bool:
        """Whether the probability ratio of these rows is beyond the guard, so that nothing is learned from them."""
        return self._config.ratio_guard is not None and numbers["ratio"] > self._config.ratio_guard

    def _stays(self, numbers: Mapping[str, float]) -> bool:
        return self.too_far(numbers) or self._left_out(numbers)

    def _parts(self, loss_of: Callable[[Experience, Tensor], Loss]) -> Iterator[Callable[[], Loss]]:
        """Yield the micro-batches of the rows; their losses add up to the loss of all rows."""
        weights = token_weights(self._experience.mask[self._rows], aggregation=self._config.aggregation)
        for part in micro_batches(self._experience.sequences.rows(self._rows), self._config.micro_batch_tokens):
            some = self._experience.rows(self._rows[part])
            yield partial(self._precisely, loss_of, some, weights[part, : some.mask.shape[1]])

    def _precisely(self, loss_of: Callable[[Experience, Tensor], Loss], some: Experience, weights: Tensor) -> Loss:
        with precision(self._players.device):
            return loss_of(some, weights)

    def _policy_loss(self, some: Experience, weights: Tensor) -> Loss:
        """Of rows that go through a model together; `weights` are those of their tokens."""
        config, policy, temperature = self._config, self._players.policy, self._players.temperature
        bonus: Tensor | float = 0.0
        if config.entropy_bonus:
            log_probs, entropy = response_log_probs(policy, some.sequences, temperature=temperature)
            bonus = config.entropy_bonus * weighted_sum(entropy, weights)
        else:
            log_probs = response_log_probs_alone(policy, some.sequences, temperature=temperature)
        loss, clip_share = clipped_policy_loss(
            log_probs, some.log_probs, some.advantages, weights, clip=config.clip, dual_clip=config.dual_clip)
        loss = loss - bonus
        if config.kl.place == "loss":
            kl = ESTIMATORS[config.kl.estimator](counted(log_probs - some.anchor_log_probs, weights))
            loss = loss + self._kl_coefficient * weighted_sum(kl, weights)
        moved = log_probs.detach() - some.log_probs
        return loss, {"clip_share": clip_share.item(), "ratio": weighted_sum(moved.exp(), weights).item(),
                      "step_kl_nats": weighted_sum(k3(-moved), weights).item()}

    def _value_loss(self, some: Experience, weights: Tensor) -> Loss:
        if some.values is None or some.targets is None:
            raise ValueError("a critic learns from values and targets, and the experience has none")
        values = response_values(self._players.critic, some.sequences)
        return clipped_value_loss(values, some.values, some.targets, weights, clip=self._config.value_clip), {}
