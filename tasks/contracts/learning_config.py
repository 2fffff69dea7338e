"""Settings of the base model and of the supervised loops: pretraining, SFT, reward model."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.contracts.frozen import Settings


class BaseConfig(Settings):
    """The model that training starts from."""

    path: str | None = Field(
        None, min_length=1, description="folder or hub name of a causal LM; null: pretrain one from scratch")
    revision: str | None = Field(
        None, min_length=1, description="commit, tag or branch of the hub name; without it the name may mean other "
                                        "weights tomorrow")
    kind: Literal["llama", "lstm"] = Field("llama", description="architecture, when pretrained here")
    hidden: int = Field(128, ge=8, description="width of the hidden state, when pretrained here")
    layers: int = Field(3, ge=1, description="number of blocks, when pretrained here")
    heads: int = Field(4, ge=1, description="attention heads of a llama, when pretrained here")

    @model_validator(mode="after")
    def heads_divide_hidden(self) -> "BaseConfig":
        if self.kind == "llama" and self.hidden % (2 * self.heads):
            raise ValueError(
                f"base.hidden={self.hidden} is not a multiple of 2 * base.heads={2 * self.heads}; "
                "rotary positions need heads of even width")
        return self


class LoRAConfig(Settings):
    """Low-rank adapters, arXiv:2106.09685: the base's weights stand still, and small matrices beside them learn."""

    rank: int = Field(ge=1, description="rank of an adapter's two matrices")
    alpha: float = Field(gt=0, description="an adapter's output is multiplied by alpha / rank")
    targets: list[str] | None = Field(
        None, min_length=1, description="names of the linear layers that get adapters; null: all but the output layer")


class LoopConfig(Settings):
    """A supervised loop: pretraining, SFT, reward model."""

    epochs: float = Field(1.0, gt=0, description="passes over the rows; parts of one are allowed")
    batch: int = Field(64, ge=1, description="rows an optimiser step")
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="peak of the schedule")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="how the learning rate falls after the warm-up")
    warmup_share: float = Field(0.05, ge=0, lt=1, description="share of steps over which the rate rises linearly")
    final_share: float = Field(0.1, ge=0, le=1, description="cosine and linear end at this share of the peak")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled decay")
    gradient_clip: float = Field(1.0, gt=0, description="largest global norm of the gradient")
    micro_batch_tokens: int | None = Field(
        None, ge=1, description="tokens that go through the model at a time, padding included; a batch that has more "
                                "is accumulated, with the same gradient. null: what suits the device")
    gradient_checkpointing: bool = Field(
        False, description="keep only each block's input for the backward pass and compute the rest again: less "
                           "memory, about a third more work")
    lora: LoRAConfig | None = Field(None, description="null: all weights learn")


class LanguageLoopConfig(LoopConfig):
    """The supervised loop of a language model: pretraining and SFT."""

    packing: bool = Field(
        False, description="lay rows end to end instead of padding them; no token sees another row's tokens")


class EnsembleConfig(Settings):
    """Several reward models that differ in their seed, and how their scores become one."""

    members: int = Field(1, ge=1, le=16, description="reward models to train")
    combine: Literal["mean", "minimum", "mean_less_variance"] = Field(
        "mean", description="of the members' standardised scores, an answer at a time; arXiv:2310.02743")
    variance_weight: float = Field(1.0, ge=0, description="lambda of mean - lambda * variance")
    bag_of_tokens: bool = Field(
        False, description="one member more: a linear model of the answer's tokens, pairs of tokens and length, fitted "
                           "on the comparisons. Where these are few the ensemble ranks better with it; PPO soon finds "
                           "the words that it pays for, so watch judge and KL, or combine by minimum")


class RewardModelConfig(LoopConfig):
    """The supervised loop of the reward model, and how its tokens' scores become one."""

    pooling: Literal["last", "sum"] = Field(
        "last", description="score of an answer: the last token's (as most libraries do), or the sum over its tokens, "
                            "which small models learn faster and which leans to long answers")
    centring: float = Field(
        0.0, ge=0, description="weight of (chosen + rejected)^2, which holds scores around zero; arXiv:2312.09244")
    label_weight: float = Field(
        1.0, gt=0, description="weight of the loss of an answer that was labelled good or bad, beside that of a "
                               "comparison, which is 1")
    ensemble: EnsembleConfig = Field(default_factory=EnsembleConfig)
