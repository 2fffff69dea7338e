"""`mlflow gc`, which looks at nothing but the state `deleted`, behind a guard that knows what versions need."""

from collections.abc import Iterator, Sequence

from flows.desk import Desk
from flows.lineage.versions import Names, Registration, Told, aliases, registrations, told
from flows.reconcile.findings import DELETED
from flows.reconcile.mlflow_runs import recorded_runs
from flows.reconcile.retention import kept
from tasks.contracts.errors import Refused
from tasks.records import model_store
from tasks.records.mlflow_gc import Doomed, doomed, is_live, run_gc

REASON = "mlflow gc removed what no kept version needs"
KINDS = {"runs": "mlflow run", "models": "mlflow logged model", "experiments": "mlflow experiment"}


def plan(desk: Desk, flags: Sequence[str] = ()) -> Doomed:
    """What `mlflow gc` would delete.

    Raises:
        Refused: a kept version needs a run or a model that stands in the state `deleted`; the message names it.
    """
    found = doomed(flags)
    dead = set(found.ids)
    lost = {name: why for name, why in _needed(desk) if name in dead or (
        not found.all_known and name.startswith("m-") and not is_live(name))}
    if lost:
        first = next(iter(lost))
        restore = f"`mlflow runs restore --run-id {first}`" if not first.startswith("m-") else "MLflow's backup"
        raise Refused(
            f"mlflow gc would delete {len(lost)} thing(s) that kept versions need", where="mlflow gc",
            found="; ".join(f"{name}: {why}" for name, why in list(lost.items())[:5]) + (" …" if len(lost) > 5 else ""),
            next_step=f"Nothing was deleted. {restore} brings it back; `hallmark audit retention` says until when each "
                      "version is kept.")
    return found


def collect(desk: Desk, planned: Doomed, flags: Sequence[str]) -> str:
    """Record what goes, then have MLflow delete it; what it printed is returned. Call it with the workspace held.

    Our own copies of models that bear no alias go too: they are fetched again where somebody asks for them.
    """
    prune_copies(desk)
    for part, what in KINDS.items():
        if ids := list(getattr(planned, part)):
            desk.record(DELETED, what=what, ids=ids, reason=REASON)
    return run_gc(flags) if planned.ids else ""


def prune_copies(desk: Desk) -> int:
    """Remove the copies of models that bear no alias."""
    entries, names = told(desk.ledger.entries()), Names(desk.name, desk.params.promotion.reward_model)
    borne = {(name, version) for _, name, version in aliases(entries, names)}
    return model_store.prune({one.digest for one in registrations(entries) if (one.name, one.version) in borne})


def _needed(desk: Desk) -> Iterator[tuple[str, str]]:
    """Each run and logged model that a kept version needs, and which version that is."""
    entries, names = told(desk.ledger.entries()), Names(desk.name, desk.params.promotion.reward_model)
    for one in kept(entries, names, desk.params.retention.keep_days, desk.clock()):
        for registration in registrations(entries, one.name):
            if registration.version == one.version:
                yield from ((name, str(one)) for name in _of(desk, entries, registration))


def _of(desk: Desk, entries: Sequence[Told], one: Registration) -> Iterator[str]:
    said = next(entry.payload for entry in entries if entry.index == one.entry)
    if str(said.get("source", "")).startswith("models:/"):
        yield said["source"].removeprefix("models:/")
    if said.get("run_id"):
        yield said["run_id"]
    yield from recorded_runs(desk.home, entries, one.run)
    for entry in entries:
        if entry.kind == "stages finished" and entry.payload["run"] == one.run:
            yield from (stage["run_id"] for stage in entry.payload["stages"] if stage["run_id"])
