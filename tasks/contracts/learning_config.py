"""Settings of everything that learns: base model, SFT, reward model, rewards, PPO."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.contracts.frozen import Frozen


class BaseConfig(Frozen):
    """The model that training starts from."""

    path: str | None = Field(None, description="folder or hub name of a causal LM; null: pretrain one from scratch")
    hidden: int = Field(128, ge=8, description="width of the hidden state, when pretrained here")
    layers: int = Field(3, ge=1, description="number of blocks, when pretrained here")
    heads: int = Field(4, ge=1, description="attention heads, when pretrained here")

    @model_validator(mode="after")
    def heads_divide_hidden(self) -> "BaseConfig":
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"base.hidden={self.hidden} is not a multiple of 2 * base.heads={2 * self.heads}; "
                "rotary positions need heads of even width")
        return self


class LoopConfig(Frozen):
    """A supervised loop: pretraining, SFT, reward model."""

    epochs: float = Field(1.0, gt=0, description="passes over the rows; parts of one are allowed")
    batch: int = Field(64, ge=1, description="rows an optimiser step")
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="peak of the schedule")
    warmup_share: float = Field(0.05, ge=0, lt=1, description="share of steps over which the rate rises linearly")
    final_share: float = Field(0.1, ge=0, le=1, description="the cosine ends at this share of the peak")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled decay")
    gradient_clip: float = Field(1.0, gt=0, description="largest global norm of the gradient")


class RewardModelConfig(LoopConfig):
    """The supervised loop of the reward model, and how its tokens' scores become one."""

    pooling: Literal["last", "sum"] = Field(
        "last", description="score of an answer: the last token's (as most libraries do), or the sum over its tokens, "
                            "which small models learn faster and which leans to long answers")


class KLConfig(Frozen):
    """What holds the policy near the reference."""

    coefficient: float = Field(
        0.05, ge=0, description="weight of the per-token KL to the reference, in nats, against a reward that is "
                                "standardised on the reference's answers")


class SelectConfig(Frozen):
    """Held-out rounds, on which the best policy of a run is chosen."""

    every: int = Field(5, ge=1, description="updates between two held-out rounds; the last update has one too")
    prompts: int = Field(128, ge=8, description="validation prompts of a held-out round")


class PPOConfig(Frozen):
    """Proximal policy optimisation, arXiv:1707.06347, as used in InstructGPT, arXiv:2203.02155."""

    updates: int = Field(ge=1, description="rounds of sampling and learning")
    rollout_batch: int = Field(128, ge=2, description="responses sampled an update")
    minibatch: int = Field(32, ge=2, description="responses an optimiser step")
    epochs: int = Field(2, ge=1, description="passes over the responses of an update")
    learning_rate: float = Field(1e-4, gt=0, lt=1, description="of the policy; constant")
    critic_learning_rate: float = Field(3e-4, gt=0, lt=1, description="of the critic; constant")
    clip: float = Field(0.2, gt=0, lt=1, description="epsilon of arXiv:1707.06347, eq. 7")
    value_clip: float = Field(0.2, gt=0, description="how far a value may move from its old estimate in one update")
    discount: float = Field(1.0, gt=0, le=1, description="gamma of arXiv:1506.02438")
    trace_decay: float = Field(0.95, ge=0, le=1, description="lambda of arXiv:1506.02438")
    missing_end_penalty: float = Field(
        1.0, ge=0, description="taken from the standardised reward of a response that does not end by itself")
    gradient_clip: float = Field(1.0, gt=0, description="largest global norm of a gradient")
    kl: KLConfig = Field(default_factory=KLConfig)
    select: SelectConfig = Field(default_factory=SelectConfig)

    @model_validator(mode="after")
    def minibatches_fill_the_batch(self) -> "PPOConfig":
        left_over = self.rollout_batch % self.minibatch
        if left_over:
            raise ValueError(
                f"ppo.rollout_batch={self.rollout_batch} is not a multiple of ppo.minibatch={self.minibatch}; "
                f"the last {left_over} responses would never be trained on")
        return self


class RewardConfig(Frozen):
    """What the policy is paid for: a weighted sum of parts, each logged apart."""

    preference: float = Field(1.0, ge=0, description="weight of the learned preference score (standardised)")
    fluency: float = Field(
        0.0, ge=0, description="weight of well-formedness: likely under the SFT model, without stutter")
    richness: float = Field(
        0.0, ge=0, description="weight of the share of the answer's words that are different content words")
    relevance: float = Field(
        0.0, ge=0, description="weight of how much more likely the answer is after its own prompt than after another")
    safety: float = Field(0.0, ge=0, description="weight of the penalty for phrases of `unsafe_phrases`")
    unsafe_phrases: list[str] = Field(default_factory=list, description="phrases that an answer must not contain")

    @model_validator(mode="after")
    def pays_for_something(self) -> "RewardConfig":
        if not any((self.preference, self.fluency, self.richness, self.relevance, self.safety)):
            raise ValueError("every weight in reward is 0; the policy would have nothing to learn from")
        return self
