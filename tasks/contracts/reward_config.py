"""Settings of the reward: which parts it is made of, and what each weighs."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.contracts.frozen import Settings

OWN_NAMES = ("preference", "preference_spread", "fluency", "richness", "relevance", "safety", "safety_multiplier",
             "similarity", "reward", "kl_nats", "entropy", "response_tokens", "ended_share")  # in the log of a policy


class RewardFunctionConfig(Settings):
    """A reward that is a Python function of the team's own."""

    name: str = Field(pattern="^[a-z][a-z0-9_]*$", description="under which it is logged")
    function: str = Field(
        pattern=r"^[^:]+\.py:[A-Za-z_]\w*$", description="path/to/file.py:function, called with the lists prompts and "
                                                          "answers, to return one number an answer")
    weight: float = Field(1.0, ge=0, description="in the sum")


class RewardSourceConfig(Settings):
    """A learned reward model from elsewhere, with whatever tokenizer it was trained with."""

    name: str = Field(pattern="^[a-z][a-z0-9_]*$", description="under which it is logged")
    path: str = Field(description="folder or hub name of a model with one output, its tokenizer beside it")
    most_tokens: int = Field(512, ge=8, description="of its own tokenizer; a longer dialogue loses its beginning")
    weight: float = Field(1.0, ge=0, description="in the sum; its score is standardised on the SFT model's answers")


class WordsConfig(Settings):
    """What a word is when an answer is compared with a reference, and which words do not count."""

    case: Literal["fold", "keep"] = Field("fold", description="fold: upper and lower case are the same")
    unicode: Literal["NFC", "NFKC"] = Field(
        "NFC", description="form before the comparison; NFKC: full-width Ａ is A, ² is 2, ½ is 1⁄2")
    punctuation: Literal["drop", "keep"] = Field(
        "drop", description="keep: each sign is a word of its own, an emoji too")
    without_spaces: Literal["characters", "whole"] = Field(
        "characters", description="of scripts without spaces between words (Chinese, Japanese, Thai, …): each "
                                  "character is a word, or a whole run of them")
    stop_words: list[str] = Field(
        default_factory=list, description="words that do not count, divided as texts are; of several words: where they "
                                          "follow one another")


class SafetyConstraintConfig(Settings):
    """Safety as a constraint with a multiplier, arXiv:2310.12773: it is paid for as long as it is not met."""

    floor: float = Field(gt=0, le=1, description="mean of the safety part that must be reached")
    learning_rate: float = Field(0.5, gt=0, description="of the multiplier, an update")
    start: float = Field(1.0, ge=0, description="the multiplier before the first update")


class RewardConfig(Settings):
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
    safety_constraint: SafetyConstraintConfig | None = Field(
        None, description="a multiplier of the safety part that rises while the floor is not met; null: the weight "
                          "alone")
    similarity: float = Field(
        0.0, ge=0, description="weight of ROUGE-L to the reference answer of the prompt, where it has one")
    similarity_words: WordsConfig = Field(default_factory=WordsConfig)
    functions: list[RewardFunctionConfig] = Field(default_factory=list, description="Python functions of your own")
    models: list[RewardSourceConfig] = Field(description="reward models from elsewhere")

    @model_validator(mode="after")
    def pays_for_something(self) -> "RewardConfig":
        own = (self.preference, self.fluency, self.richness, self.relevance, self.safety, self.similarity)
        if not any((*own, *(one.weight for one in self.functions), *(one.weight for one in self.models))):
            raise ValueError("every weight in reward is 0; the policy would have nothing to learn from")
        return self

    @model_validator(mode="after")
    def every_part_has_its_own_name(self) -> "RewardConfig":
        names = [*OWN_NAMES, *(one.name for one in self.functions), *(one.name for one in self.models)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"reward has two parts of the name {', '.join(twice)}; the log could not keep them apart")
        return self
