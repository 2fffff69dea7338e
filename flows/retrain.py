"""The flow: bring the pipeline of dvc.yaml up to date, decide about what it made, and act on the decision.

Prefect says when and in what order; DVC says what has to run; MLflow shows; the ledger remembers. A deployment runs
`retrain` in a checkout's root; `hallmark retrain` runs it on a temporary server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import flow
from prefect.exceptions import UnfinishedRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows import workspace
from flows.data import shift as data_shift
from flows.data import versions as data_versions
from flows.lineage.keeping import keep_manifests, refused_report
from flows.promote import promote, settle, trusted_champion
from flows.promotion import consent, history
from flows.promotion.approval import ask, close_expired
from flows.promotion.decision import (
    COMPARED,
    Candidate,
    decide_on,
    read_candidate,
    refusal,
    rules_digest,
    with_comparison,
)
from flows.promotion.registration import register
from flows.promotion.verified import verified_model
from flows.reconcile import snapshot
from flows.run import Ending, Outcome, Run, begin, in_words, tracked_note
from flows.running import artifacts
from flows.running.graph import read_graph
from flows.running.stage_artifacts import stages_shown
from flows.running.stages import StageRun, Workplace, run_stage, run_step
from flows.scheduling import deployed, turn
from flows.telling import notify
from tasks.contracts.config import load_params
from tasks.contracts.errors import HallmarkError, Refused
from tasks.contracts.evidence import Evidence
from tasks.contracts.places import EVIDENCE, PARAMS, home
from tasks.records import tracking
from tasks.records.registry import Version

if TYPE_CHECKING:
    from flows.report.inputs import Run as Report

SIDE_BY_SIDE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=4)


@flow(name="retrain", flow_run_name="retrain", persist_result=False, task_runner=SIDE_BY_SIDE)
def retrain(force: bool = False, timeout_hours: float | None = None) -> dict[str, Any]:
    """Retrain in the current folder.

    Args:
        force: run every stage again, whatever DVC says.
        timeout_hours: end it where it takes longer; a deployment sets it.

    Returns:
        What flows.report.write_report takes; `outcome` and `reason` say how it ended.

    Raises:
        HallmarkError: it broke off or was refused on its way; the ledger says so too.
    """
    root = Path.cwd()
    workspace.prepare(root)
    notify.receiver()  # refuses an unusable one before anything trains
    needs_gpu = load_params(root / PARAMS).device != "cpu" and workspace.has_accelerator()
    with turn.taken(home(), needs_gpu=needs_gpu, timeout_hours=timeout_hours):
        run = begin(root, force=force)
        with stages_shown(), accounted(run):
            notify.tell(run)  # of killed runs that it closed
            place = opened(run)
            settle_and_trust(run, place)  # asked before hours of training too
            close_expired(run, run.started)
            stages = run_stages(run, place)
            ending = conclude(run, place, stages)
        said = finish(run, stages, ending)
    deployed.follow_up(said)
    return said


def opened(run: Run) -> Workplace:
    """Open the run's MLflow run and say where its stages run."""
    tracking.prepare_tracking()
    parent = tracking.open_parent(run.id, run.digests, run.params.model_dump(mode="json"))
    note = tracked_note(run.home, run.id)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(parent, encoding="utf-8")
    run.tracked.append(parent)
    return Workplace(run.root, run.home, run.id, run.groups, parent, run.force)


def run_stages(run: Run, place: Workplace) -> list[StageRun]:
    """Every stage of dvc.yaml, each after its parents, independent ones side by side."""
    graph = read_graph(run.root)
    futures: dict[str, PrefectFuture[StageRun]] = {}
    for name in graph:
        waits_for = [futures[parent] for parent in graph.parents[name]]
        futures[name] = run_stage.submit(name, place, name in graph.stale, waits_for)  # type: ignore[arg-type]
    with data_named(run):
        stages = results(run, futures)
    record_stages(run, stages)
    return stages


def record_stages(run: Run, stages: list[StageRun]) -> None:
    """Write what the stages made, and the rows that they read, which no registration may follow to name."""
    run.record("stages finished", manifests=keep_manifests(run), stages=[
        {"name": stage.name, "state": stage.state, "lock": stage.lock_digest, "run_id": stage.run_id}
        for stage in stages])


@contextmanager
def data_named(run: Run) -> Iterator[None]:
    """See that the ledger has a name for the data that the stages read, refused data too."""
    try:
        yield
    except Refused:
        data_versions.record(run, "seen by a run")
        raise
    version = data_versions.record(run, "seen by a run")
    for warning in data_shift.warnings_of(run, version, run.params.data.shift_at_most):
        print(warning, flush=True)


def results(run: Run, futures: dict[str, PrefectFuture[StageRun]]) -> list[StageRun]:
    """All results, or the first stage's error; what waited for a failed stage never started and is no error itself."""
    found, errors = [], []
    for name, future in futures.items():
        try:
            found.append(future.result())
        except UnfinishedRun:
            continue
        except HallmarkError as error:
            run.record("stage failed", stage=name, error=type(error).__name__, **refused_report(run, name))
            errors.append(error)
    if errors:
        raise errors[0]
    return found


def settle_and_trust(run: Run, place: Workplace) -> Version | None:
    """The champion, after a promotion that was killed on its way has been ended."""
    settle(run, lambda folder: run_step("smoke", folder, place))
    return trusted_champion(run)


def conclude(run: Run, place: Workplace, stages: list[StageRun]) -> Ending:
    """Decide about the candidate and act on the decision."""
    candidate = read_candidate(run.root)
    champion = settle_and_trust(run, place)
    return no_change(run, candidate, champion, stages) or decide_and_act(run, place, candidate, champion, stages)


def no_change(run: Run, candidate: Candidate, champion: Version | None, stages: list[StageRun]) -> Ending | None:
    """The ending of a run that has nothing to decide; None where it has."""
    entries = run.ledger.entries()
    if champion and champion.digest == candidate.digest:
        return Ending("no change", f"no change: the policy is the champion, version {champion.version}",
                      champion, champion, history.last_decision(entries, candidate.digest))
    earlier = history.decided(
        entries, candidate=candidate.digest, evidence=candidate.evidence_sha256,
        rules=rules_digest(run.params.gates), against=champion.version if champion else None)
    if earlier is None or not earlier.settled or any(stage.state == "ran" for stage in stages):
        return None
    verdict = {"promote": "passed", "refuse": "was refused"}[earlier.decision["verdict"]]
    return Ending("no change", f"no change: the same policy {verdict} on the same evidence in run {earlier.run}",
                  candidate.digest, champion, earlier.decision)


def decide_and_act(
    run: Run, place: Workplace, candidate: Candidate, champion: Version | None, stages: list[StageRun]
) -> Ending:
    """Compare with the champion where one stands, decide, and register and promote what passed."""
    stopped = consent.stopped_by_hand(run.ledger.entries(), run.params.promotion.policy_model, candidate.digest)
    if stopped:
        return Ending("refused", stopped, candidate.digest, champion, None)
    (run.root / COMPARED).unlink(missing_ok=True)  # an earlier one, perhaps with another champion
    evidence = compared(run, place, candidate, champion) if champion else candidate.evidence
    decision = decide_on(run, candidate, evidence, champion)
    said = decision.model_dump(mode="json")
    artifacts.show_decision(said)
    if decision.verdict == "refuse":
        kept = evidence is not None and run.params.promotion.keep_refused
        version = register(run, candidate, evidence, decision, stages) if kept else candidate.digest
        return Ending("refused", refusal(decision), version, champion, said)
    version = register(run, candidate, evidence, decision, stages)
    if run.params.promotion.approvals:
        return Ending("waiting for approval", ask(run, version, datetime.now(UTC)), version, champion, said)
    promote(run, version, champion, lambda folder: run_step("smoke", folder, place))
    return Ending("promoted", f"promoted: {version} is the champion", version, version, said)


def compared(run: Run, place: Workplace, candidate: Candidate, champion: Version) -> Evidence | None:
    """The candidate's evidence with the comparison against the champion in it."""
    run_step("compare", verified_model(run.ledger, champion.name, champion.version), place)
    return with_comparison(candidate, run.root)


@contextmanager
def accounted(run: Run) -> Iterator[None]:
    """Whatever breaks off the run: end what it started, and say so in the ledger and in MLflow."""
    try:
        yield
    except BaseException as fault:
        with turn.undisturbed():
            run.groups.end_all()
            outcome: Outcome = "refused" if isinstance(fault, Refused) else "crashed"
            run.record("run finished", outcome=outcome, reason=type(fault).__name__, candidate=None, version=None)
        snapshot.close(run, "FAILED" if isinstance(fault, Exception) else "KILLED", outcome)
        notify.tell(run, hurried=not isinstance(fault, Exception))
        raise


def finish(run: Run, stages: list[StageRun], ending: Ending) -> dict[str, Any]:
    """Write the run's end into MLflow and the ledger, then the report; return what the report takes."""
    from flows.report import write_report

    fault = snapshot.close(run, "FINISHED", ending.outcome, [run.root / EVIDENCE, run.root / COMPARED])
    entry = run.record(
        "run finished", outcome=ending.outcome, reason=ending.reason, candidate=ending.digest, version=ending.version)
    notify.tell(run)
    said = summary(run, stages, ending) | {"ledger": {"entries": entry.index + 1, "head": entry.hash}}
    said["places"]["Report"] = str(write_report(run.root, cast("Report", said)))
    artifacts.show_places(run.parent_run, Path(said["places"]["Report"]))
    if fault:
        raise fault
    if run.parent_run:
        tracking.log_artifact(run.parent_run, Path(said["places"]["Report"]))
    return said


def summary(run: Run, stages: list[StageRun], ending: Ending) -> dict[str, Any]:
    """The run as plain values, with the keys of flows.report.inputs.Run and `finished`."""
    finished = datetime.now(UTC)
    return {
        "id": run.id, "outcome": ending.outcome, "reason": ending.reason,
        "started": run.started.isoformat(timespec="seconds"), "finished": finished.isoformat(timespec="seconds"),
        "seconds": (finished - run.started).total_seconds(), "commit": run.digests.commit, "dirty": run.digests.dirty,
        "stages": [asdict(stage) for stage in stages], "decision": ending.decision,
        "data_shift": data_shift.of_run(run, run.params.data.shift_at_most),
        "champion": in_words(ending.champion),
        "candidate": ending.candidate_in_words(run.params.promotion.policy_model),
        "digests": {name: value for name, value in run.digests.model_dump(mode="json").items() if value},
        "places": {"MLflow run": run.parent_run or "", "Ledger": run.ledger.place, "See it": "hallmark up"},
    }
