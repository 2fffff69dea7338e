"""`hallmark audit rebuild`: everything again from what was recorded, and a verdict for each stage."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows import dvc_lock, workspace
from flows.desk import Desk
from flows.lineage.versions import Told, told
from flows.rebuild import inputs
from flows.rebuild.answer import Answer
from flows.rebuild.conditions import machine_changed, packages_changed, refuse_other_packages
from flows.rebuild.contents import Contents
from flows.rebuild.deleted import why_gone
from flows.rebuild.running import run_again
from flows.rebuild.subject import Subject, subject_of
from flows.rebuild.verdicts import Compared, compare
from flows.rebuild.worktree import alone, checkout, remove_left_behind
from flows.running.groups import Groups
from tasks.contracts.canonical import folder_digest
from tasks.contracts.errors import HallmarkError, Refused
from tasks.contracts.places import DVC_LOCK, POLICY, REWARD
from tasks.contracts.yaml_text import read_yaml
from tasks.records.manifest_store import ManifestStore

TOLERANCE = 1e-6  # of a value, or of 1 where it is smaller: far above rounding, far below what learning changes


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    name: str
    version: int
    stages: Sequence[str] = ()  # those alone, on the recorded outputs of the others; all where none is named
    tolerance: float = TOLERANCE
    other_packages: bool = False  # go on where packages differ
    keep: bool = False  # leave the worktree behind


def rebuild(desk: Desk, wanted: Wanted) -> Answer:
    """Run every stage of a version again in a worktree of its own and write the verdicts into the ledger.

    The workspace's files, its registry and its stages' records are not touched; the answer is the ledger's entry
    `rebuilt`.

    Raises:
        Refused: something that it rests on is gone, or packages differ; nothing was run.
        HallmarkError: it broke off; nothing is recorded.
    """
    entries = told(desk.ledger.entries())
    subject = subject_of(desk.home, entries, wanted.name, wanted.version)
    recorded = dvc_lock.read_locks(subject.lock)
    chosen = dvc_lock.in_order(recorded, wanted.stages)
    packages = packages_changed(subject.packages)
    if not wanted.other_packages:
        refuse_other_packages(packages)
    workspace.refuse_without_room(desk.home)
    with _place(desk, subject, wanted) as (place, tree):
        stores = inputs.Stores.of(desk.root)
        _bring(tree, stores, entries, subject, recorded, chosen, ManifestStore(desk.home))
        then = Contents(stores.cache, desk.root, subject.kept)
        stages = _run_and_compare(desk, place, tree, recorded, chosen, then, wanted.tolerance)
        made = _digest(tree, desk, wanted.name)
    answer = Answer(subject, tuple(stages), (*packages, *machine_changed(subject.machine)), made,
                    place if wanted.keep else None)
    desk.record("rebuilt", name=wanted.name, version=wanted.version, verdict=answer.verdict,
                conditions=list(answer.conditions), stages=[one.payload() for one in stages])
    return answer


@contextmanager
def _place(desk: Desk, subject: Subject, wanted: Wanted) -> Iterator[tuple[Path, Path]]:
    """The folder of this rebuild and the worktree in it, and the accelerator where it is used."""
    with ExitStack() as stack:
        folder = stack.enter_context(alone(desk.home))
        Groups(desk.home).end_left_behind()
        remove_left_behind(desk.root, folder)
        if read_yaml(subject.params).get("device") != "cpu" and workspace.has_accelerator():
            stack.enter_context(workspace.hold_accelerator())
        place = folder / desk.id
        yield place, stack.enter_context(checkout(desk.root, place, subject, keep=wanted.keep))


def _bring(
    tree: Path, stores: inputs.Stores, entries: Sequence[Told], subject: Subject, recorded: dvc_lock.Locks,
    chosen: Sequence[str], rows: ManifestStore
) -> None:
    """Data, and outputs of stages that are left out, each held against its digest before anything runs."""
    outside = dvc_lock.from_outside(recorded, chosen)
    inputs.own_cache(tree, tree.parent)
    try:
        inputs.bring_data(tree, stores, outside)
        inputs.bring_outputs(tree, stores, dvc_lock.from_left_out(recorded, chosen))
    except Refused as refusal:
        digest = refusal.wanted.removeprefix("md5 ")
        raise type(refusal)(refusal.what, where=refusal.where, wanted=refusal.wanted, found=refusal.found,
                            next_step=why_gone(entries, rows, subject.one, refusal.where, digest)) from None
    if any(inputs.overlap(path, one) for path in subject.sources for one in outside):
        inputs.refuse_other_sources(tree, subject.sources)


def _run_and_compare(
    desk: Desk, place: Path, tree: Path, recorded: dvc_lock.Locks, chosen: Sequence[str], then: Contents,
    tolerance: float
) -> list[Compared]:
    """Stage after stage; what comes after a stage that broke off is not run."""
    here, found = Contents(place / "cache", tree), list[Compared]()
    for name in chosen:
        broken = [one.name for one in found if one.seconds is None]
        if broken:
            found.append(Compared(name, "different", f"was not run, since {broken[0]} broke off"))
            continue
        seconds = run_again(name, desk, place, tree)
        if isinstance(seconds, HallmarkError):
            found.append(Compared(name, "different", f"broke off: {type(seconds).__name__}", error=str(seconds)))
            continue
        now = dvc_lock.read_locks((tree / DVC_LOCK).read_text(encoding="utf-8"))[name]
        found.append(compare(name, recorded, now, then, here, tolerance=tolerance, seconds=seconds))
        print(f"{name}: {found[-1].verdict}", flush=True)
    return found


def _digest(tree: Path, desk: Desk, name: str) -> str | None:
    folder = tree / (REWARD if name == desk.params.promotion.reward_model else POLICY)
    return folder_digest(folder) if folder.is_dir() else None

