"""What each token of a response was worth: the one place where PPO, REINFORCE, RLOO and GRPO differ.

And what is steered from update to update: the KL coefficient and the running scales.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tasks.rewards.scale import Scale
from tasks.rl.advantages import generalised_advantages, group_normalised, leave_one_out, less_baseline, on_every_token
from tasks.rl.kl import steered_coefficient
from tasks.rl.masking import masked_whiten
from tasks.rl.moments import Moments

if TYPE_CHECKING:
    from tasks.contracts.policy_config import PPOConfig

SMALLEST_DEVIATION = 1e-4  # of the reward; where all answers are paid alike


@dataclass(frozen=True)
class Controls:
    """What is steered from update to update.

    Attributes:
        kl_coefficient: of now.
        rewards: of all rewards paid so far, unscaled.
        returns: of all scaled rewards so far, less their KL penalty.
    """

    kl_coefficient: float
    rewards: Moments = field(default_factory=Moments)
    returns: Moments = field(default_factory=Moments)

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Controls":
        """What as_json wrote."""
        return cls(found["kl_coefficient"], Moments(**found["rewards"]), Moments(**found["returns"]))

    def steered(self, config: "PPOConfig", kl_nats: float) -> "Controls":
        """The controls after an update whose responses had this KL on average."""
        if config.kl.target is None:
            return self
        return replace(self, kl_coefficient=steered_coefficient(
            self.kl_coefficient, kl_nats, target=config.kl.target, horizon=config.kl.horizon,
            samples=config.rollout_batch))


def floored_scale(rewards: Tensor) -> Scale:
    """The scale in which these rewards, float [n], have mean 0 and variance 1; where they are all alike, none below a
    smallest deviation."""
    return Scale(rewards.mean().item(), max(rewards.std().item(), SMALLEST_DEVIATION))


def scale_now(config: "PPOConfig", reference: Scale, controls: Controls) -> Scale:
    """In which units learning sees the reward of now."""
    match config.reward_scale:
        case "reference":
            return reference
        case "running":
            return Scale(0.0, max(controls.rewards.deviation, SMALLEST_DEVIATION))
        case _:
            return Scale(0.0, 1.0)


def paid(total: Tensor, ended: Tensor, config: "PPOConfig", scale: Scale) -> Tensor:
    """Return what a response is paid, float [batch]: its scaled and clipped reward, less the missing end's penalty.

    Args:
        total: float [batch], the composed reward.
        ended: bool [batch], True where the response ended by itself.
    """
    scores = scale.standardised(total)
    if config.reward_clip is not None:
        scores = scores.clamp(-config.reward_clip, config.reward_clip)
    return scores - config.missing_end_penalty * (~ended).float()


def advantages_of(
    rewards: Tensor, values: Tensor | None, mask: Tensor, config: "PPOConfig", controls: Controls
) -> tuple[Tensor, Tensor | None, Controls]:
    """Return advantages, float [batch, time], the critic's targets where there is a critic, and the controls after.

    Args:
        rewards: float [batch, time], per-token reward with the KL penalty in it.
        values: float [batch, time], the critic's, for `ppo`; None for the algorithms that compare answers.
        mask: bool [batch, time], True on response tokens.
    """
    targets, returns = None, rewards.sum(1)
    controls = replace(controls, returns=controls.returns.after(returns))
    match config.algorithm:
        case "ppo":
            if values is None:
                raise ValueError("ppo without a critic has no values to start from")
            advantages, targets = generalised_advantages(
                rewards, values, mask, discount=config.discount, trace_decay=config.trace_decay)
        case "reinforce":
            advantages = on_every_token(less_baseline(returns, controls.returns.mean), mask)
        case "rloo":
            advantages = on_every_token(leave_one_out(returns, group=config.group), mask)
        case "grpo":
            advantages = on_every_token(group_normalised(returns, group=config.group), mask)
    return (masked_whiten(advantages, mask) if config.whiten_advantages else advantages), targets, controls
