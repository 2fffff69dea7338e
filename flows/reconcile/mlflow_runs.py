"""MLflow's runs against what the ledger recorded of them when each retraining ended."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.lineage.reading import kept_text
from flows.lineage.versions import Told
from flows.reconcile.findings import Finding, Ground, by_key
from flows.reconcile.snapshot import RECORDED
from tasks.records.run_snapshot import exists, run_state, runs_of

PARTS = {"params": "parameter", "metrics": "metric", "tags": "tag", "inputs": "input", "artifacts": "artifact"}
EDITED = "Ask who wrote to MLflow; what counts is in the ledger. MLflow's backup has the old value."


def compare(ground: Ground) -> Iterator[Finding]:
    """Every run that was recorded: gone, edited, or with runs below it that no stage made."""
    last = {entry.payload["run"]: entry for entry in ground.of(RECORDED)}  # a run that was closed twice has two
    for number, entry in enumerate(last.values(), 1):
        ground.say(f"MLflow: run {number} of {len(last)}")
        kept = kept_text(ground.home, entry.payload["snapshot"])
        if kept is not None:  # what is lost or damaged of kept files is named where the disk is compared
            yield from _retraining(ground, entry, json.loads(kept))


def recorded_runs(home: Path, entries: Sequence[Told], run: str) -> list[str]:
    """Ids of the MLflow runs that a retraining had when it ended; none where that was not recorded."""
    said = [entry.payload["snapshot"] for entry in entries if entry.kind == RECORDED and entry.payload["run"] == run]
    kept = kept_text(home, said[-1]) if said else None
    return list(json.loads(kept)["runs"]) if kept else []


def _retraining(ground: Ground, entry: Told, kept: Mapping[str, Any]) -> Iterator[Finding]:
    runs = kept["runs"]
    for run_id, wanted in runs.items():
        found = run_state(run_id)
        if found is not None:
            yield from _run(ground, entry, run_id, wanted, found)
        elif not ground.gone.has(run_id):
            yield _lost(entry, run_id, wanted["name"])
    for run_id in runs_of(kept["parent"]) if run_state_known(runs, kept["parent"]) else ():
        if run_id not in runs:
            yield Finding("mlflow", "unknown", f"run {run_id[:12]} below the run {entry.payload['run']}",
                          wanted="the stages that it had", entry=entry.index,
                          next_step="No stage of Hallmark made it; delete it in MLflow.")


def run_state_known(runs: Mapping[str, Any], parent: str) -> bool:
    """Whether the run of the retraining was there when it was recorded."""
    return runs.get(parent) is not None


def _lost(entry: Told, run_id: str, name: str) -> Finding:
    if exists(run_id):
        return Finding("mlflow", "deleted", _named(run_id, name), wanted="the run as it was recorded",
                       found="in the state `deleted`", entry=entry.index,
                       next_step=f"`mlflow runs restore --run-id {run_id}` brings it back, until `mlflow gc` runs.")
    return Finding("mlflow", "garbage-collected", _named(run_id, name), wanted="the run as it was recorded",
                   found="nothing", entry=entry.index,
                   next_step="Restore MLflow's database and artifacts from their backup; the kept snapshot says what "
                             "it held.")


def _run(
    ground: Ground, entry: Told, run_id: str, wanted: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Finding]:
    name = _named(run_id, wanted["name"])
    for part in ("name", "status"):
        if wanted[part] != found[part]:
            yield Finding("mlflow", "edited", f"{name}: {part}", wanted[part], found[part], entry.index, EDITED)
    for part, word in PARTS.items():
        for key, what, one, other in by_key(wanted[part], found[part]):
            if what == "unknown" and part == "tags" and not key.startswith("hallmark."):
                continue  # people tag runs
            if part == "artifacts" and ground.gone.has_path(f"{run_id}/artifacts/{key}"):
                continue
            yield Finding("mlflow", what, f"{name}: {word} {key}", _said(one), _said(other), entry.index, EDITED)


def _said(value: Any) -> str:
    """A metric by its last value, and by its whole history, which may differ though the last value does not."""
    if isinstance(value, Mapping):
        return f"{value['last']} ({value['points']} points, {value['history'][:12]})"
    return str(value)


def _named(run_id: str, name: str) -> str:
    return f"run {run_id[:12]} ({name})"
