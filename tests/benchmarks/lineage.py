"""How fast a row and a version are told, and how that grows: `python -m tests.benchmarks.lineage`.

Makes worlds of some rows and a thousand versions, each with lists of its own: of a block of 50 versions the first has
whole lists, and every other one lacks another slice of them. The ledger is the real one, written entry by entry; the
manifests' names are made up, since no root is worked out when a row is looked up. Prints one JSON line: seconds of
who-saw and trace by rows and versions, the median of 5, in a process that has loaded nothing of the world before, and
once each through the command, start of Python and all.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.records.digests import run_digests
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS

BLOCK = 50  # versions between two whole lists
SHARES = {ALL_ROWS: (0.0, 1.0), "preferences_train": (0.0, 0.5), "sft_train": (0.5, 0.75), "text_train": (0.75, 0.9),
          "prompts_train": (0.4, 0.8), "prompts_test": (0.9, 1.0)}  # of the sorted rows
SLICES = 1000
ASK = """
import json, statistics, sys, time
from pathlib import Path
from flows.lineage.reading import opened
from flows.lineage.trace import trace
from flows.lineage.who_saw import KINDS, who_saw
from tasks.records.ledger import Ledger
row, version, answers = sys.argv[1], int(sys.argv[2]), {"who_saw": [], "trace": []}
home = Path(".hallmark")
for _ in range(5):
    start = time.perf_counter()
    entries, store, names = opened(Ledger(home), KINDS)
    found = who_saw(entries, store, row, names)
    answers["who_saw"].append(time.perf_counter() - start)
    start = time.perf_counter()
    entries, store, names = opened(Ledger(home))
    graph = trace(home, entries, names, names.policy, version)
    answers["trace"].append(time.perf_counter() - start)
print(json.dumps({"saw": len(found.model_versions), "nodes": len(graph.nodes),
                  **{what: statistics.median(seconds) for what, seconds in answers.items()}}))
"""


class World:
    """A workspace with a ledger and manifests that grow version by version."""

    def __init__(self, root: Path, rows: int):
        self.root, self.ledger = root, Ledger(root / ".hallmark", busy_seconds=60)
        self.store = ManifestStore(self.ledger.home)
        self.rows = sorted(hashlib.sha256(str(number).encode()).digest() for number in range(rows))
        self.whole: dict[str, tuple[str, list[bytes]]] = {}
        self.digests = run_digests(root).model_dump(mode="json")

    def add(self, version: int) -> None:
        """One more version, as a retraining would record it."""
        run, digest = f"run-{version}", self._name(f"policy {version}")
        said: Mapping[str, Any] = {"manifests": {use: self._list(use, version) for use in SHARES}, "files": {}}
        self._tell("run started", run=run, forced=False, **self.digests)
        self._tell("stages finished", run=run, stages=[], manifests=said["manifests"])
        self._tell("gate decided", run=run, candidate=digest, verdict="promote", evidence=digest, rules=digest,
                   against=version - 1 or None, decision={"findings": [
                       {"metric": f"metric_{number}", "wanted": "low >= 0.5", "found": 0.6, "low": 0.5, "high": 0.7,
                        "samples": 400, "passed": True, "reason": ""} for number in range(12)]})
        for name in ("reward-model", "policy"):
            self._tell("registered", run=run, name=name, version=version, digest=self._name(f"{name} {version}"),
                       bundle=digest, verdict="promote", **said)
        self._tell("promoted", run=run, name="policy", version=version, digest=digest, previous=version - 1 or None,
                   reward_model_version=version, approvals=[], override=None, rollback=None)
        self._tell("run finished", run=run, outcome="promoted", reason="", candidate=digest, version=version)

    def _list(self, use: str, version: int) -> dict[str, Any]:
        name = self._name(f"{use} {version}")
        low, high = (int(share * len(self.rows)) for share in SHARES[use])
        if use not in self.whole or version % BLOCK == 1:
            lacks = (version // BLOCK) * len(self.rows) // SLICES
            rows = [row for place, row in enumerate(self.rows[low:high], low) if not lacks <= place < lacks + 10]
            self.store.put_whole(name, b"".join(rows))
            self.whole[use] = name, rows
            return {"root": name, "rows": len(rows)}
        whole, rows = self.whole[use]
        size = max(1, len(rows) // SLICES)
        slice_ = rows[version * size % len(rows):][:size]
        self.store.put_change(name, whole, slice_, [])
        return {"root": name, "rows": len(rows) - len(slice_)}

    def _tell(self, kind: str, **payload: Any) -> None:
        self.ledger.append(kind, "benchmark", payload)

    @staticmethod
    def _name(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


def measured(world: World, versions: int) -> dict[str, Any]:
    """What it takes to ask this world, inside a process and through the command."""
    row = world.rows[len(world.rows) * 45 // 100].hex()  # in preferences and prompts
    environment = {**os.environ, "HALLMARK_HOME": ".hallmark", "PYTHONPATH": str(Path(__file__).parents[2])}
    asked = subprocess.run([sys.executable, "-c", ASK, row, str(versions)], cwd=world.root, env=environment,
                           capture_output=True, text=True, check=True)
    command = [str(Path(sys.executable).with_name("hallmark")), "audit", "who-saw", row, "--json"]
    start = time.perf_counter()
    subprocess.run(command, cwd=world.root, env=environment, capture_output=True, check=True)
    return {"rows": len(world.rows), "versions": versions, **json.loads(asked.stdout),
            "who_saw_command": time.perf_counter() - start,
            "bytes": sum(path.stat().st_size for path in world.store.folder.iterdir())}


def grown(root: Path, rows: int, versions: list[int]) -> Iterator[dict[str, Any]]:
    """Measurements of one world, at each of these numbers of versions."""
    workspace = root / str(rows)
    workspace.mkdir()
    repository = Path(__file__).parents[2]
    for name in ("params.yaml", "dvc.yaml"):
        (workspace / name).write_bytes((repository / name).read_bytes())
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit",
                                                 "-qm", "world")):
        subprocess.run(["git", *words], cwd=workspace, check=True)
    world = World(workspace, rows)
    for version in range(1, max(versions) + 1):
        world.add(version)
        if version in versions:
            yield measured(world, version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--versions", type=int, nargs="+", default=[10, 100, 1000])
    options = parser.parse_args()
    found = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            for one in grown(Path(folder), rows, options.versions):
                found.append(one)
                print(json.dumps(one), file=sys.stderr)
    worst = found[-1]
    print(json.dumps({"who_saw_seconds": round(worst["who_saw"], 4), "trace_seconds": round(worst["trace"], 4),
                      "cores": os.cpu_count(), "median_of": 5, "grid": found}))


if __name__ == "__main__":
    main()
