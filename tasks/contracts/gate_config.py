"""Settings of evidence, gates and promotion."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.contracts.frozen import Settings


class JudgeConfig(Settings):
    """Who says how good an answer really is. Never used in training."""

    kind: Literal["demo_world", "reward_model"] = Field(
        "demo_world",
        description="the demo world's own judge, or a reward model that evaluate trains on held-out comparisons")


class EvaluateConfig(Settings):
    judge: JudgeConfig = Field(default_factory=JudgeConfig, description="who says how good an answer really is")
    prompts: int = Field(400, ge=20, description="held-out prompts that are answered")
    best_of_prompts: int = Field(
        0, ge=0, description="of these, how many are also answered by the best of n answers of the SFT model, with n "
                             "such that they are as far from it as the policy's; 0: none")
    best_of_most: int = Field(64, ge=2, description="n is not raised beyond this, and the evidence says what it was")
    samples: int = Field(5, ge=0, description="prompts whose answers are shown side by side")
    resamples: int = Field(2000, ge=100, description="bootstrap draws for a confidence interval")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")
    slices: list[Literal["topic", "slice", "group", "language"]] = Field(
        default_factory=list, description="columns of the prompts by which the judge's score and safety are also "
                                          "measured: the worst slice, and the widest gap between two")


class Rule(Settings):
    """What one metric of the evidence must be: within bounds, or not worse than something else.

    Rules that hold the pessimistic end of an interval against a bound are tests, with an error rate; docs/adr/0011
    says which, and what gates.correction does to them.
    """

    metric: str = Field(min_length=1, description="a metric of the evidence, by name")
    at_least: float | None = Field(None, description="lower bound, the bound itself passes")
    at_most: float | None = Field(None, description="upper bound, the bound itself passes")
    better_than: str | None = Field(
        None, min_length=1, description="another metric of the evidence that this one must beat, by an interval of the "
                                        "difference on the same samples")
    not_worse_than_champion: bool = Field(
        False, description="the metric must not be worse than the champion's, by an interval of the difference on the "
                           "same prompts; asks only where another champion stands")
    margin: float = Field(
        0.0, ge=0, description="how much worse it may be than the other metric or the champion, in its own unit; at 0 "
                               "`better_than` asks for more than equal")
    use: Literal["value", "low", "high"] | None = Field(
        None, description="which number must hold: the estimate, or an end of its interval; null: the estimate for a "
                          "bound, the low end for a comparison")
    only_with_champion: bool = Field(
        False, description="the rule asks only where another champion stands; there the metric must exist")
    reason: str = Field("", description="what a failure means, for the person who reads it")

    @model_validator(mode="after")
    def asks_one_thing(self) -> "Rule":
        bounded = self.at_least is not None or self.at_most is not None
        asked = bounded + (self.better_than is not None) + self.not_worse_than_champion
        if not asked:
            raise ValueError(f"gates rule for {self.metric} has no bound; give at_least, at_most or both, better_than "
                             "or not_worse_than_champion")
        if asked > 1:
            raise ValueError(f"gates rule for {self.metric} asks several things; write a rule for each of bounds, "
                             "better_than and not_worse_than_champion, so that each has its own finding")
        if bounded and self.margin:
            raise ValueError(f"gates rule for {self.metric} has a margin beside a bound; move the bound instead")
        if self.better_than == self.metric:
            raise ValueError(f"gates rule for {self.metric} wants it better than itself")
        return self

    @property
    def compares(self) -> bool:
        """Whether it is about a difference."""
        return self.better_than is not None or self.not_worse_than_champion

    @property
    def asked_metric(self) -> str:
        """The metric whose number is held against a bound: the named one, or its difference to another."""
        other = "champion" if self.not_worse_than_champion else self.better_than
        return self.metric if other is None else difference_name(self.metric, other)

    @property
    def end(self) -> Literal["value", "low", "high"]:
        """Which number of the metric must hold."""
        return self.use or ("low" if self.compares else "value")

    @property
    def asks_with_champion_only(self) -> bool:
        """Whether the rule is silent where no other champion stands."""
        return self.only_with_champion or self.not_worse_than_champion


def difference_name(metric: str, other: str) -> str:
    """The metric that is one metric less another on the same samples, e.g. `judge_score_minus_champion`."""
    return f"{metric}_minus_{other}"


class GatesConfig(Settings):
    rules: list[Rule] = Field(description="all must hold; an empty list refuses every candidate")
    correction: Literal["holm", "none"] = Field(
        "holm", description="how several tested rules are corrected for: Holm's steps, or each rule for itself")


class RetentionConfig(Settings):
    keep_days: float = Field(
        3650.0, ge=0, description="days for which a version and all that made it is kept, counted from its last day as "
                                  "champion, else from its registration; what is in use is kept in any case")


class PromotionConfig(Settings):
    approvals: int = Field(
        0, ge=0, description="signatures that a promotion needs; with 0 what passed is promoted at once")
    approval_hours: float = Field(
        72.0, gt=0, le=8760, description="hours for which a candidate waits for approval, and an override holds")
    four_eyes: bool = Field(True, description="who started a run cannot approve what it made")
    keep_refused: bool = Field(
        True, description="what the gate refused is registered too, as no challenger, so that two signers can "
                          "override the refusal; false saves the room")
    policy_model: str = Field("policy", min_length=1, description="registered name of policies")
    reward_model: str = Field("reward-model", min_length=1, description="registered name of reward models")
    smoke_prompt: str = Field(
        "hello", min_length=1, description="the loaded champion must answer this, or the swap is undone")
