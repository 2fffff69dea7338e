"""What the report is made of: the files that the stages left under build/, and what the flow says of the run.

Every reader answers with nothing where a file is missing or does not parse: the report then says "not recorded".
"""

import csv
import json
import math
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from tasks.contracts import places


class Model(TypedDict, total=False):
    """A registered version."""

    name: str
    version: str
    digest: str


class Stage(TypedDict, total=False):
    """How one stage fared in this run."""

    name: str
    state: str  # ran, restored, skipped, failed
    seconds: float
    run_id: str  # MLflow run that made the stage's output, this run's or an earlier one's


class Run(TypedDict, total=False):
    """What the flow knows of a run. Each key may be absent; the report then says so."""

    id: str
    outcome: str  # promoted, refused, no change, crashed, …
    reason: str  # why it ended so, one sentence
    commit: str
    dirty: bool
    started: str  # ISO 8601
    seconds: float
    champion: Model | None
    candidate: Model | None
    decision: dict[str, Any]  # tasks.contracts.evidence.Decision as JSON
    stages: list[Stage]
    digests: dict[str, str]  # what the run's identity rests on, name -> digest
    ledger: dict[str, Any]  # entries, head
    data_shift: dict[str, Any] | None  # flows.data.shift.Since.report; none where there is no version to compare with
    places: dict[str, str]  # label -> path or command


class Curve(NamedTuple):
    """One column of a stage's plot file, without the steps that did not report it."""

    steps: list[float]
    values: list[float]


Curves = dict[str, Curve]


def read_json(path: Path) -> Any:
    """The parsed file, or None where there is none that parses."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_curves(path: Path, step_column: str = "step") -> Curves:
    """Column name -> its finite values and the steps at which they were reported; empty columns are left out."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    curves: Curves = {}
    for row in rows:
        step = number(row.pop(step_column, None))
        for name, text in row.items():
            value = number(text)
            if step is not None and value is not None:
                curve = curves.setdefault(name, Curve([], []))
                curve.steps.append(step)
                curve.values.append(value)
    return curves


def number(text: object) -> float | None:
    """A finite number, or None."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Files(NamedTuple):
    """Everything that the report reads from the workspace."""

    evidence: dict[str, Any]
    data: dict[str, Any]
    samples: list[dict[str, Any]]
    policy: Curves
    rounds: Curves  # of PPO's held-out rounds: reward, kl_nats and what the judge says of the answers
    losses: dict[str, Curves]  # stage -> curves
    metrics: dict[str, dict[str, Any]]  # stage -> its final numbers


def read_files(root: Path) -> Files:
    """Read what there is below the root of a workspace."""
    plots, metrics = root / places.PLOTS, root / places.METRICS
    return Files(
        evidence=_mapping(read_json(root / places.EVIDENCE / "evidence.json")),
        data=_mapping(read_json(root / places.CHECKED / "report.json")),
        samples=mappings(read_json(root / places.EVIDENCE / "samples.json")),
        policy=read_curves(plots / "train_policy.csv"),
        rounds=read_curves(root / places.EVIDENCE / "rounds.csv", "update"),
        losses={stage: curves for stage in ("pretrain", "train_sft", "train_reward")
                if (curves := read_curves(plots / f"{stage}.csv"))},
        metrics={path.stem: _mapping(read_json(path)) for path in sorted(metrics.glob("*.json"))})


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def texts(value: object) -> list[str]:
    """The entries of a list as text; nothing where the value is no list."""
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def mappings(value: object) -> list[dict[str, Any]]:
    """The mappings of a list; nothing where the value is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []
