"""Experience: answers of the policy, and what each of their tokens was worth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasks.models.ends import Ends, is_end
from tasks.models.generation import generate
from tasks.models.log_probs import response_log_probs
from tasks.models.precision import precision
from tasks.models.scorers import response_values
from tasks.models.scoring import without_gradient
from tasks.models.sequences import Sequences
from tasks.rewards.samples import Samples
from tasks.rewards.scale import Scale
from tasks.rl.kl import ESTIMATORS, k1
from tasks.rl.masking import masked_mean
from tasks.rl.rewards import token_rewards
from tasks.training.credit import Controls, advantages_of, paid, scale_now
from tasks.training.players import Players, Prompt

if TYPE_CHECKING:
    from tasks.contracts.policy_config import PPOConfig


@dataclass(frozen=True)
class Experience:
    """What one round of sampling gives to learn from; tensors are [batch, longest response].

    Attributes:
        mask: bool, True on response tokens.
        log_probs, anchor_log_probs: float32, nats, of the policy that sampled and of the anchor.
        advantages: float32.
        values, targets: float32, of the critic; None without one.
    """

    sequences: Sequences
    mask: Tensor
    log_probs: Tensor
    anchor_log_probs: Tensor
    advantages: Tensor
    values: Tensor | None
    targets: Tensor | None

    def rows(self, index: Tensor) -> "Experience":
        """The rows at index, int64 [n], with the padding that they do not need cut off."""
        sequences = self.sequences.rows(index)
        width = int(sequences.response_lengths.max())

        def cut(tensor: Tensor) -> Tensor:
            return tensor[index, :width]

        return Experience(
            sequences, cut(self.mask), cut(self.log_probs), cut(self.anchor_log_probs), cut(self.advantages),
            None if self.values is None else cut(self.values), None if self.targets is None else cut(self.targets))


@torch.no_grad()
def answer(players: Players, prompts: Sequence[Prompt], *, source: torch.Generator) -> Samples:
    """Sample an answer to each prompt from the policy.

    Args:
        source: generator of the models' device.
    """
    with precision(players.device):
        sequences = generate(players.policy, [prompt.ids for prompt in prompts], end=players.end, pad=players.pad,
                             most_tokens=players.most_tokens, generator=source, temperature=players.temperature)
    texts = players.decode([sequences.response(row) for row in range(len(sequences))])
    return Samples(sequences, [prompt.text for prompt in prompts], texts, [prompt.reference for prompt in prompts])


@torch.no_grad()
def collect(players: Players, prompts: Sequence[Prompt], config: "PPOConfig", scale: Scale, controls: Controls, *,
            source: torch.Generator) -> tuple[Experience, dict[str, float], dict[str, Tensor], Controls]:
    """Sample config.group answers to each prompt and work out what each of their tokens was worth.

    Args:
        scale: of the reward on the reference's answers.

    Returns:
        The experience, numbers to report, the reward's parts (float [batch] each), and the controls after it.
    """
    samples = answer(players, [prompt for prompt in prompts for _ in range(config.group)], source=source)
    sequences, mask = samples.sequences, samples.sequences.response_mask
    total, parts = players.reward(samples)
    controls = replace(controls, rewards=controls.rewards.after(total))
    done = ended(sequences, players.end)
    log_probs, entropy = without_gradient(
        lambda part: torch.stack(response_log_probs(players.policy, part, temperature=players.temperature), -1),
        sequences).unbind(-1)
    critic = players.critic
    values = None if critic is None else without_gradient(lambda part: response_values(critic, part), sequences)
    anchor_log_probs = players.anchor.log_probs(sequences)
    rewards = token_rewards(
        paid(total, done, config, scale_now(config, scale, controls)),
        ESTIMATORS[config.kl.estimator](log_probs - anchor_log_probs), mask, placement=config.reward_placement,
        kl_coefficient=controls.kl_coefficient if config.kl.place == "reward" else 0.0)
    advantages, targets, controls = advantages_of(rewards, values, mask, config, controls)
    numbers = {
        "reward": total.mean(), **{name: part.mean() for name, part in parts.items()},
        "kl_nats": k1(log_probs - players.reference.log_probs(sequences)).sum(1).mean(),
        "entropy": masked_mean(entropy, mask), "response_tokens": sequences.response_lengths.float().mean(),
        "ended_share": done.float().mean()}
    return (Experience(sequences, mask, log_probs, anchor_log_probs, advantages, values, targets),
            {name: value.item() for name, value in numbers.items()}, parts, controls)


def ended(sequences: Sequences, end: Ends) -> Tensor:
    """Return which responses ended by themselves, bool [batch]."""
    return is_end(sequences.tokens.gather(1, sequences.last_places()[:, None]).squeeze(1), end)
