"""What a rebuild has found: a verdict for each stage, the first cause on top."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.rebuild.subject import Subject
from flows.rebuild.verdicts import Compared, Verdict, counted

SUSPECTS = 5  # that a sentence names


@dataclass(frozen=True)
class Answer:
    """How a rebuild came out."""

    subject: Subject
    stages: tuple[Compared, ...]
    conditions: tuple[str, ...]  # what was another thing than then: packages, interpreter, hardware
    digest: str | None  # of the model that lies there now; None where no stage made it
    kept: Path | None  # the folder, where it stays

    @property
    def verdict(self) -> Verdict:
        """The worst of all stages'."""
        found = {one.verdict for one in self.stages}
        if "different" in found or (found == {"identical"} and self.digest not in (None, self.subject.one.digest)):
            return "different"  # DVC's md5 alone would not do
        return "within tolerance" if "within tolerance" in found else "identical"

    @property
    def cause(self) -> str | None:
        """The first stage that differs and why; None where none does."""
        if self.verdict != "different":
            return None
        of_stage = (f"{one.name}: {one.detail}" for one in self.stages if one.verdict == "different")
        return next(of_stage, f"the model's sha256 is {self.digest}, and was {self.subject.one.digest}")

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        one, count = self.subject.one, counted(self.stages, "stage")
        if self.cause:
            suspects = f" First suspects: {'; '.join(self.conditions[:SUSPECTS])}." if self.conditions else ""
            return f"{one} does NOT come out again: {self.cause}.{suspects}"
        if self.verdict == "identical":
            return f"{one} comes out again bit for bit: {count}, the same bytes in every file."
        most = max(self.stages, key=lambda stage: stage.amount)
        same = sum(stage.verdict == "identical" for stage in self.stages)
        return f"{one} comes out again within tolerance: {same} of {count} bit for bit; {most.name}: {most.detail}."

    def as_json(self) -> dict[str, Any]:
        """The answer of `--json`."""
        one = self.subject.one
        return {
            "name": one.name, "version": one.version, "verdict": self.verdict, "cause": self.cause,
            "sentence": self.sentence, "commit": self.subject.commit, "dirty": self.subject.diff is not None,
            "stages": [stage.payload() | ({"error": stage.error} if stage.error else {}) for stage in self.stages],
            "conditions": list(self.conditions), "digest": {"recorded": one.digest, "rebuilt": self.digest},
            "kept": str(self.kept) if self.kept else None}
