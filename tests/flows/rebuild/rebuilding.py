"""A workspace with one registered version, made from a dirty tree and from data that have changed since."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from flows.run import begin
from flows.running.graph import read_graph
from flows.running.stages import Workplace, repro
from tests.flows.hands import AUTHOR
from tests.flows.toy import make_workspace, measured, run

DVC_YAML = """\
stages:
  measure:
    cmd: python make.py measure
    deps: [build/policy, build/prepared, measured.json]
    outs: [build/evidence]
  learn:
    cmd: python make.py learn
    deps: [data, factor.txt]
    params: [seed, ppo.updates]
    outs: [build/prepared, build/sft, build/reward, build/policy]
    metrics: [build/metrics/learn.json: {cache: false}]
"""
MAKE = '''\
"""Two stages; with NOISE in the environment the first one is not what it was, with SLEEP it never ends."""
import json, os, sys, time
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file
from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest

def learn():
    if "SLEEP" in os.environ:
        Path(os.environ["SLEEP"]).write_text(str(os.getpid()))
        time.sleep(120)
    words = Path("data/rows.txt").read_text().split()
    factor = float(Path("factor.txt").read_text())
    noise = float(os.environ.get("NOISE", 0))
    weights = np.array([len(word) * factor for word in words])
    for name in ("prepared", "sft", "reward", "policy", "metrics"):
        folder = Path("build") / name
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"bias": np.zeros(2), "weight": weights + noise * (name == "policy")},
                  folder / "model.safetensors") if name != "metrics" else None
    Path("build/prepared/prompts_test.jsonl").write_text("{}")
    Path("build/prepared/manifest.json").write_text(json.dumps({"rows": {}, "merkle_root": "0" * 64}))
    Path("build/metrics/learn.json").write_text(json.dumps({"loss": float(weights.sum()) + noise}))

def measure():
    prompts = file_sha256("build/prepared/prompts_test.jsonl")
    metrics = [metric | {"measured_on": prompts} for metric in json.loads(Path("measured.json").read_text())]
    Path("build/evidence").mkdir(parents=True)
    evidence = {"candidate": folder_digest("build/policy"), "metrics": metrics}
    Path("build/evidence/evidence.json").write_bytes(canonical_json(evidence))

{"learn": learn, "measure": measure}[sys.argv[1]]()
'''


def workspace_with_a_version(root: Path, repository: Path) -> None:
    """Fill a folder, which is the current one after it; HALLMARK_HOME must be in it. Version 1 is registered."""
    make_workspace(root, repository)
    for name, text in {"dvc.yaml": DVC_YAML, "make.py": MAKE, "factor.txt": "2", "data/rows.txt": "one three",
                       "measured.json": measured(0.6)}.items():
        (root / name).write_text(text)
    add_data(root)
    (root / "factor.txt").write_text("0.5")  # uncommitted, and so is a new file and a setting
    (root / "new.txt").write_bytes(b"\x00 of no stage")
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("seed: 20261121", "seed: 5", 1))
    os.chdir(root)
    register_version(root)
    call(root, "git", "checkout", "-q", "params.yaml", "factor.txt")
    (root / "new.txt").unlink()
    (root / "data/rows.txt").write_text("other rows altogether")
    add_data(root)
    shutil.rmtree(root / "build")


def add_data(root: Path) -> None:
    call(root, sys.executable, "-m", "dvc", "add", "-q", "data")
    call(root, "git", "add", ".")
    call(root, "git", *AUTHOR, "commit", "-qm", "data")


def register_version(root: Path) -> None:
    """Run the stages, decide and register, as a retraining does; no server is needed."""
    begun = begin(root, force=False)
    place = Workplace(root, begun.home, begun.id, begun.groups)
    stages = [repro(name, place) for name in read_graph(root)]
    found = read_candidate(root)
    register(begun, found, found.evidence, decide_on(begun, found, found.evidence, None), stages)
    begun.record("run finished", outcome="waiting for approval", reason="", candidate=found.digest, version=1)


def call(root: Path, *words: str) -> str:
    done = run(root, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def package(folder: Path, version: str) -> None:
    """An installed package of this name and version, for whoever has the folder on the path."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "ghost.dist-info").mkdir(parents=True)
    (folder / "ghost.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: Ghost\nVersion: {version}\n")


def rebuild_in_background(root: Path, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "audit", "rebuild", "1"]
    return subprocess.Popen(command, cwd=root, start_new_session=True, text=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, env={**os.environ, **environment})
