"""Settings of the data: where the rows come from and how they are split."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.contracts.frozen import Settings

Kind = Literal[
    "preferences", "demonstrations", "transcripts", "messages", "edits", "ratings", "labels", "prompts", "text"]
Split = Literal["train", "test", "auto"]
Policy = Literal["warn", "mask", "refuse"]


class SourceConfig(Settings):
    """One file of rows."""

    path: str = Field(min_length=1, description="the file, relative to the workspace, below data/")
    kind: Kind | None = Field(None, description="what the rows are; null: told from the content")
    split: Split = Field("auto", description="the split that all rows go to; auto: by the hash of the prompt")
    columns: dict[str, str] = Field(
        default_factory=dict, description="our field name -> the file's column, e.g. {prompt: question}")
    good_from: float | None = Field(
        None, allow_inf_nan=False, description="of labels: a rating of at least this is good, one below it is bad; "
                                               "null: a label must be said in words")
    licence: str | None = Field(None, min_length=1, description="under which the rows may be used; shown by audits")
    consent: str | None = Field(None, min_length=1, description="of the people who wrote them; shown by audits")
    source: str | None = Field(None, min_length=1, description="where the file came from; shown by audits")
    guideline: str | None = Field(None, min_length=1, description="version that annotators worked by; shown by audits")
    collected: str | None = Field(None, min_length=1, description="when; shown by audits")
    collected_by: str | None = Field(None, min_length=1, description="by whom; shown by audits")

    @model_validator(mode="after")
    def has_a_bound_for_labels_only(self) -> "SourceConfig":
        if self.good_from is not None and self.kind not in (None, "labels"):
            raise ValueError(f"good_from is the bound between good and bad labels, and {self.path} is of kind "
                             f"{self.kind}; remove it, or read the file as labels")
        return self


class DataConfig(Settings):
    sources: list[SourceConfig] = Field(min_length=1, description="the files that a retraining reads")
    minimum_rows: int = Field(20, ge=1, description="a file with fewer accepted rows is refused")
    refused_share_at_most: float = Field(
        0.05, ge=0, le=1, description="a file with a larger share of refused rows is refused whole")
    characters_at_most: int = Field(20_000, ge=1, description="longest text of one field that may train")
    near_duplicate_similarity: float = Field(
        0.9, ge=0.5, le=1,
        description="from this share of equal word triples on, two rows or prompts are nearly the same")
    near_leak_share_at_most: float = Field(
        0.1, ge=0, le=1, description="a larger share of held-out prompts that are nearly training prompts is refused")
    personal_data: Policy = Field(
        "warn", description="rows with personal data: train with a warning, are masked before, or are refused")
    secrets: Policy = Field(
        "warn", description="rows with keys or tokens: train with a warning, are masked before, or are refused")
    canaries: list[str] = Field(
        default_factory=list, description="sha256 of strings of 12 or more characters that mark what must never train")
    shift_at_most: float = Field(
        0.1, ge=0, le=1, description="a larger Jensen-Shannon divergence (bits) from the last data version is told")
    demonstrations_from: Literal["demonstrations", "chosen"] = Field(
        "demonstrations", description="what SFT learns from: demonstrations, or the chosen side of comparisons")
    validation_share: float = Field(
        0.05, gt=0, lt=0.5, description="share of training prompts on which the best checkpoint is chosen")
    test_share: float = Field(0.1, ge=0, lt=0.5, description="share of prompts of `auto` sources held out for gates")
    judge_share: float = Field(
        0.0, ge=0, lt=0.5, description="share of prompts of `auto` sources that only the judge of evaluate learns from")
    split_salt: str = Field("hallmark", description="changes which prompt falls into which split")

    @field_validator("canaries")
    @classmethod
    def are_digests(cls, canaries: list[str]) -> list[str]:
        odd = next((one for one in canaries if not re.fullmatch("[0-9a-f]{64}", one)), None)
        if odd is not None:
            raise ValueError("data.canaries holds what is no sha256 in 64 hex digits; `printf %s TEXT | sha256sum`")
        return canaries


class TokensConfig(Settings):
    prompt: int = Field(ge=4, description="longest prompt in tokens; longer ones lose their beginning")
    response: int = Field(ge=4, description="longest response in tokens, end token included")
    temperature: float = Field(1.0, gt=0, description="of sampling: scores are divided by it before an answer is drawn")
    vocabulary: int = Field(
        1024, ge=300, description="entries of the tokenizer that is trained when no base model is given")

    @model_validator(mode="after")
    def fits(self) -> "TokensConfig":
        if self.prompt + self.response > 1 << 20:
            raise ValueError(f"tokens.prompt + tokens.response = {self.prompt + self.response} is over 2**20")
        return self
