"""Evidence, findings and decisions: the frozen records that pass from measuring to deciding."""

from typing import Literal

from pydantic import Field

from tasks.contracts.frozen import Frozen


class Metric(Frozen):
    """One named number with the interval around it."""

    name: str
    value: float
    low: float = Field(description="lower end of the confidence interval")
    high: float = Field(description="upper end of the confidence interval")
    samples: int = Field(description="independent units that the number rests on, e.g. prompts")
    measured_on: str = Field(description="sha256 of what it was measured on")


class Evidence(Frozen):
    """All that is known about one candidate when the gate decides."""

    candidate: str = Field(description="digest of the policy's model")
    metrics: tuple[Metric, ...]


class Finding(Frozen):
    """What one rule found."""

    metric: str
    wanted: str = Field(description="the rule in words, e.g. `low >= 0.65`")
    found: float | None = Field(description="the number that was held against the bound; null where there was none")
    low: float | None
    high: float | None
    samples: int | None
    passed: bool
    reason: str = Field(description="why it failed, in words; empty where it passed")


class Decision(Frozen):
    """The gate's answer. Without findings it is always a refusal."""

    candidate: str
    verdict: Literal["promote", "refuse"]
    findings: tuple[Finding, ...]
