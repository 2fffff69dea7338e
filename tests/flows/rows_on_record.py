"""Candidates whose rows are on record, for tests of lineage: real manifests, registration, ledger; no stage runs."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from flows.promote import trusted_champion
from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from flows.run import Run
from tasks.records.manifests import write_manifest
from tasks.records.registry import Version
from tests.flows.hands import candidate


def row(name: str) -> str:
    """An id that no other name has."""
    return hashlib.sha256(name.encode()).hexdigest()


def lay_rows(root: Path, uses: Mapping[str, Iterable[str]]) -> None:
    """Write what prepare_data writes about its rows; `uses` has names of rows, and all that end in .prompts apart."""
    folder = root / "build/prepared"
    (folder / "manifests").mkdir(parents=True, exist_ok=True)
    roots = {use: write_manifest(map(row, names), folder / "manifests" / use) for use, names in uses.items()}
    everything = {row(name) for use, names in uses.items() if not use.endswith(".prompts") for name in names}
    index = {"rows": {}, "merkle_root": write_manifest(everything, folder / "rows.manifest"), "manifests": roots}
    (folder / "manifest.json").write_text(json.dumps(index))


def recorded(run: Run, said: str, uses: Mapping[str, Iterable[str]], low: float = 0.6) -> Version:
    """A candidate made of these rows, decided about and registered as after a run."""
    candidate(run.root, said, low)
    lay_rows(run.root, uses)
    found = read_candidate(run.root)
    decision = decide_on(run, found, found.evidence, trusted_champion(run))
    return register(run, found, found.evidence, decision, [])
