"""Runs that are killed at a chosen moment of their life, in a workspace whose toy policy is a real model."""

import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from flows import workspace
from flows.promote import settle, trusted_champion
from flows.promotion import history
from flows.promotion.verified import verified_model
from flows.run import Run, begin
from tasks.contracts.canonical import file_sha256
from tasks.contracts.config import load_params
from tasks.contracts.places import home
from tasks.records.bundle import read_own_bundle
from tasks.records.ledger import Ledger
from tasks.records.mlflow_store import connect, experiment_id
from tests.flows.hands import proves
from tests.flows.promotion.test_approve_command import policy
from tests.flows.running.test_groups import alive, wait_until

HALLMARK = str(Path(sys.executable).with_name("hallmark"))
COPY = ('    Path("build/prepared/prompts_test.jsonl")', """\
    import shutil
    shutil.copytree("tiny", "build/policy", dirs_exist_ok=True)
    Path("build/policy/rows.txt").write_text(" ".join(said))
    Path("build/prepared/prompts_test.jsonl")""")


@dataclass(frozen=True)
class Moment:
    """When a run is killed: so many seconds after its n-th ledger entry; n is 0 at its start."""

    entries: int
    seconds: float


def prepare(root: Path) -> None:
    """Let the toy's first stage write a policy that loads and answers, and no signature be wanted."""
    (root / "tiny").mkdir()
    policy(1, root / "tiny")
    toy, params = root / "toy.py", root / "params.yaml"
    toy.write_text(toy.read_text().replace(*COPY))
    params.write_text(params.read_text().replace("  approvals: 1 ", "  approvals: 0 "))


def start(root: Path, number: int) -> "subprocess.Popen[bytes]":
    """A retraining with rows of its own, under a name of its own, so that it has everything to do up to a champion."""
    (root / "rows.txt").write_text(f"one two {number}")
    with (root.parent / "said.txt").open("ab") as said:
        return subprocess.Popen([HALLMARK, "retrain", "--set", f"promotion.policy_model=policy-{number}"], cwd=root,
                                start_new_session=True, stdout=said, stderr=said)


def written() -> int:
    """How many entries the ledger has."""
    head = Ledger().signed_head()
    return head.size if head else 0


def whole(root: Path, number: int) -> tuple[int, float]:
    """Let a run come to its end as champion; return how many entries it wrote, and how many seconds it took."""
    before, began = written(), time.monotonic()
    assert start(root, number).wait(timeout=900) == 0, (root.parent / "said.txt").read_text()[-2000:]
    entries = Ledger().entries()[before:]
    assert (entries[-1].kind, entries[-1].payload["outcome"]) == ("run finished", "promoted")
    return len(entries), time.monotonic() - began


def moments(seed: int, count: int, entries: int, seconds: float) -> list[Moment]:
    """Random moments of a run that writes so many entries in so many seconds.

    Half of them are spread over its time, most of which it loads libraries; half over its entries, between which things
    are decided, registered and promoted.
    """
    drawn = random.Random(seed)
    by_time = [Moment(0, drawn.uniform(0.2, 0.9 * seconds)) for _ in range(count // 2)]
    by_entry = [Moment(drawn.randrange(1, entries), drawn.uniform(0, 0.5)) for _ in range(count - count // 2)]
    return drawn.sample(by_time + by_entry, count)


def kill(root: Path, number: int, moment: Moment) -> str:
    """Start a run, kill it, let the next start put all in order; return after which ledger entry it was killed."""
    before = written()
    process = start(root, number)
    while process.poll() is None and written() - before < moment.entries:
        time.sleep(0.02)
    time.sleep(moment.seconds)
    family = [] if process.poll() is not None else [one.pid for one in psutil.Process(process.pid).children(True)]
    process.kill()
    process.wait()
    said = Ledger().entries()[before:]
    assert Ledger().verify().ok
    in_order_again(root)
    assert wait_until(lambda: not any(map(alive, family)))
    return said[-1].kind if said else "none"


def in_order_again(root: Path) -> None:
    """What the next start does before it acts, and that nothing open or half made is left after it."""
    with workspace.hold(home()):
        run = begin(root, force=False)
        settle(run, proves)
        assert history.open_runs(run.ledger.entries()) == [run.id]
        assert history.open_promotion(run.ledger.entries()) is None
        champion = trusted_champion(run)  # registry and ledger say the same, or it raises
        if champion:
            verified_model(run.ledger, champion.name, champion.version)  # its bytes are those that were registered
        run.record("run finished", outcome="no change", reason="it was begun to look", candidate=None, version=None)
    whole_records(run)


def whole_records(run: Run) -> None:
    """What lies under a digest has it, every registration has its bundle, and MLflow believes no run at work."""
    kept = [path for path in (run.home / "files").glob("*") if not path.name.startswith(".")]
    assert all(file_sha256(path) == path.name for path in kept)
    for entry in run.ledger.entries("registered"):
        assert read_own_bundle(run.home, entry.payload["bundle"])
    open_in_mlflow = connect().search_runs([experiment_id()], "attributes.status = 'RUNNING'")
    assert [one.info.run_name for one in open_in_mlflow] == []
    assert load_params(run.root / "params.yaml")
    assert run.ledger.verify().ok
