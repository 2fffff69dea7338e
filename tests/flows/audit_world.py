"""A world to audit: some days of a help desk's models, made by the real registration, promotion and ledger.

No stage learns; data are really checked and prepared, models are a line of text, git, DVC, MLflow, keys and ledger
are real. Every moment is a day of January 2026 (`day(N)` is that day at 03:00 UTC). The fixture `audited` gives each
test a copy of its own, the current folder in it.

    day  5  version 1   started by anna, passed, approved by ben, promoted. Data version 1
    day  6  version 2   started by anna, passed, approved by cora, promoted. Data version 2: later.jsonl joins
    day  7  no version  started by dan; check_data refuses scraped.jsonl. Data version 3, which nothing trained on
    day  8  version 3   started by dan, refused by the gate: judge_score 0.2
    day  9              the installation's key is rotated by anna
    day 10  version 4   started by dan on a dirty tree (params.yaml: seed 4), refused by the gate: judge_score 0.45;
                        ben and cora override, it is promoted
    day 11              ben rolls back to version 2: "swears at customers"
    day 12  version 5   started by anna, passed, approved by ben, promoted; it is the champion, `previous` is version 2
    day 13  version 6   started by anna, passed, and waits for approval: it is the challenger

Reward model version N is that of policy version N. Rows, by their ids: `ERASED` is line 7 of preferences.jsonl.gz, of
nia, which trained every version; the fixture `erased` is a copy of the world in which anna has had it forgotten, and
nothing else happened. `LATER` is line 1 of later.jsonl, which trained all but version 1. `DEMONSTRATED` is line 1 of
demonstrations.jsonl, `HELD_OUT` that of held_out.jsonl.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.data import versions as data_versions
from flows.desk import Desk, open_desk
from flows.lineage.keeping import refused_report
from flows.promote import trusted_champion
from flows.promotion.approval import approve, ask
from flows.promotion.by_hand import promote_version, roll_back
from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from flows.reconcile import snapshot
from flows.run import Run, begin
from flows.running.stages import StageRun
from tasks.contracts.errors import DataRefused
from tasks.records import tracking
from tasks.records.digests import stage_lock_digest
from tasks.records.ledger import Ledger
from tasks.records.signatures import Key
from tests.data.rows_on_disk import demonstrations, preferences
from tests.flows.audit_data import DVC_YAML, FIRST, SECOND, STAGES, commit, dvc, lay_data, lay_models, prepared
from tests.flows.hands import people, proves

PEOPLE = ("anna", "ben", "cora")  # who may approve; dan may not
RULES = """\
gates:
  rules:
    - {metric: judge_score, at_least: 0.5, use: low, reason: the judge is not pleased}
    - {metric: kl_nats, at_most: 10.0, use: value, reason: the policy is too far from the SFT model}
"""
DVC_CONFIG = """\
[core]
    analytics = false
    remote = store
[cache]
    dir = ../.hallmark/cache
['remote "store"']
    url = ../.hallmark/store
"""
GITIGNORE = "/.hallmark/\n/build/\n/data\n__pycache__/\n"


def id_of(row: Mapping[str, str]) -> str:
    """The id of a row of plain ASCII texts, whose canonical JSON is easily written: sorted keys, no spaces."""
    return hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


ERASED = id_of(preferences(31)[6] | {"annotator": "nia"})
LATER = id_of(preferences(20, 200)[0] | {"annotator": "nia"})
DEMONSTRATED = id_of(demonstrations(30)[0])
HELD_OUT = id_of(preferences(30, 100)[0] | {"annotator": "nia"})


def day(number: int, hour: int = 3) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


class Calendar:
    """A clock that tells a second more each time it is asked."""

    def __init__(self) -> None:
        self.now = day(5)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass(frozen=True)
class World:
    """A copy of the world for one test."""

    root: Path
    keys: Mapping[str, Path]  # private keys of PEOPLE

    @property
    def home(self) -> Path:
        return self.root / ".hallmark"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.home)


@dataclass
class Desks:
    """Who does what when, while the world is made."""

    root: Path
    keys: dict[str, Key]
    clock: Calendar

    def at(self, number: int, who: str, hour: int = 3) -> Desk:
        self.clock.now = max(self.clock.now, day(number, hour))
        os.environ["HALLMARK_ACTOR"] = who
        return open_desk(self.root, "test", self.clock)

    def run(self, number: int, who: str) -> Run:
        self.at(number, who)
        run = begin(self.root, force=False, clock=self.clock)
        run.tracked.append(tracking.open_parent(run.id, run.digests, run.params.model_dump(mode="json")))
        return run


def build(template: Path, folder: Path) -> None:
    """Make the world in `folder`/workspace, with the keys of people beside it."""
    root = move(template, folder / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
        patch.setenv("HALLMARK_ACTOR", "anna")
        live(Desks(root, settle(root), Calendar()))


def settle(root: Path) -> dict[str, Key]:
    """The workspace before its first run."""
    settings = (root / "params.yaml").read_text(encoding="utf-8")
    before, _, rest = settings.partition("gates:\n")
    settings = f"{before}{RULES}\npromotion:{rest.partition(chr(10) + 'promotion:')[2]}"
    settings = settings.replace("validation_share: 0.05", "validation_share: 0.2\n  minimum_rows: 10").replace(
        "vocabulary: 2048", "vocabulary: 300")
    (root / "params.yaml").write_text(settings, encoding="utf-8")
    (root / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    (root / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
    for name in ("toy.py", "rows.txt", "measured.json"):
        (root / name).unlink()
    (root / ".dvc/config").write_text(DVC_CONFIG, encoding="utf-8")
    (root / "infra").mkdir()
    (root / "infra/constraints.txt").write_text("mlflow==3.17.2\nnumpy==1.0.0\n", encoding="utf-8")
    commit(root, "workspace")
    return people(root, *PEOPLE)


def live(desks: Desks) -> None:
    """All that happens, day by day."""
    root = desks.root
    lay_data(root, FIRST)
    version(desks, 5, "anna", judged=0.7)
    promoted(desks, 5, 1, "ben", "reads well")
    lay_data(root, SECOND)
    version(desks, 6, "anna", judged=0.72)
    promoted(desks, 6, 2, "cora", "better on long questions")
    refused_data(desks)
    version(desks, 8, "dan", judged=0.2)
    desks.at(9, "anna").ledger.rotate_key("anna")
    with changed(root / "params.yaml", "seed: 20261121", "seed: 4"):
        version(desks, 10, "dan", judged=0.45, fresh=False)
    for who in ("ben", "cora"):
        approve(desks.at(10, who, 9), 4, desks.keys[who], "the demo is tomorrow", override=True)
    promote_version(desks.at(10, "ben", 10), 4, proves, override=True, reason="the demo is tomorrow")
    roll_back(desks.at(11, "ben"), None, proves, "swears at customers")
    version(desks, 12, "anna", judged=0.8, fresh=False)
    promoted(desks, 12, 5, "ben", "polite again")
    version(desks, 13, "anna", judged=0.9, fresh=False)
    with dvc(root) as repo:
        repo.push()


def forget(world: World) -> None:
    """Have ERASED forgotten by the command, as anna, and commit what it changed."""
    from flows.cli import main as cli

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world.root)
        patch.setenv("HALLMARK_HOME", str(world.home))
        patch.setenv("HALLMARK_ACTOR", "anna")
        asked = ("--reason", "asked to be forgotten", "--yes", "--no-retrain")
        assert cli.run(["data", "forget", ERASED, *asked]) == 0
    commit(world.root, "data without a row")


def version(desks: Desks, number: int, who: str, judged: float, fresh: bool = True) -> None:
    """A run as the flow carries it through; `fresh`: the data are checked and prepared anew."""
    run = desks.run(number, who)
    if fresh:
        prepared(run.root)
    data_versions.record(run, "seen by a run")
    lay_models(run.root, f"of day {number}", judged)
    stages = [made(run, name) for name in STAGES]
    run.record("stages finished", stages=[
        {"name": one.name, "state": one.state, "lock": one.lock_digest, "run_id": one.run_id} for one in stages])
    found = read_candidate(run.root)
    decision = decide_on(run, found, found.evidence, trusted_champion(run))
    registered = register(run, found, found.evidence, decision, stages)
    waits = decision.verdict == "promote"
    if waits:
        ask(run, registered, desks.clock())
    end(run, "waiting for approval" if waits else "refused", "as the gate says", found.digest, registered.version)


def made(run: Run, stage: str) -> StageRun:
    """A stage's run in MLflow, as the stage itself writes it."""
    lock = stage_lock_digest(run.root, stage)
    with tracking.child_run(stage, run.parent_run) as child:
        child.log_params({"seed": run.params.seed})
        for step in (1, 2, 3):
            child.log_metrics(step, {"loss": 1 / step})
    if lock:
        tracking.mark_made(child.run_id, lock)
    return StageRun(stage, "ran", 1.0, lock, child.run_id)


def end(run: Run, outcome: str, reason: str, candidate: str | None = None, number: int | None = None) -> None:
    snapshot.close(run, "FINISHED" if candidate else "FAILED", outcome, [run.root / "build/evidence"])
    run.record("run finished", outcome=outcome, reason=reason, candidate=candidate, version=number)


def promoted(desks: Desks, number: int, which: int, signer: str, reason: str) -> None:
    approve(desks.at(number, signer, 9), which, desks.keys[signer], reason)
    promote_version(desks.at(number, signer, 10), which, proves)


def refused_data(desks: Desks) -> None:
    """A run that ends in check_data; the workspace is as it was after it."""
    lay_data(desks.root, (*SECOND, "scraped.jsonl"))
    run = desks.run(7, "dan")
    with pytest.raises(DataRefused):
        prepared(desks.root)
    data_versions.record(run, "seen by a run")
    run.record("stage failed", stage="check_data", error="DataRefused", **refused_report(run, "check_data"))
    end(run, "refused", "DataRefused")
    lay_data(desks.root, SECOND)


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """A file as somebody left it without committing; as before afterwards."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    yield
    path.write_text(text, encoding="utf-8")


def copy_of(lived: Path, folder: Path) -> World:
    """A world of its own: MLflow's database names no path of the one that it was copied from."""
    root = move(lived / "workspace", folder / "workspace")
    for name in PEOPLE:
        shutil.copy2(lived / f"{name}.pem", folder / f"{name}.pem")
    return World(root, {name: folder / f"{name}.pem" for name in PEOPLE})


def move(workspace: Path, root: Path) -> Path:
    """Copy a workspace, and have MLflow's database name the copy's paths."""
    shutil.copytree(workspace, root, symlinks=True)
    with closing(sqlite3.connect(root / ".hallmark/mlflow.db")) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if "CHAR" in row[2].upper()
                       or "TEXT" in row[2].upper()]
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {column} LIKE ?",
                                 (str(workspace), str(root), f"%{workspace}%"))
        database.commit()
    subprocess.run(["git", "status", "--short"], cwd=root, check=True, capture_output=True)  # renews git's index
    return root
