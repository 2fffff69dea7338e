"""Registered versions whose retention has ended, deleted in MLflow by Hallmark: so the ledger can say why they went."""

from collections.abc import Sequence

from flows.desk import Desk
from flows.lineage.versions import Names, Registration, registrations, told
from flows.reconcile.findings import DELETED, VERSION
from flows.reconcile.retention import free, kept
from tasks.contracts.errors import Refused
from tasks.records import registry
from tasks.records.mlflow_gc import delete_version

REASON = "their retention has ended"


def ended(desk: Desk) -> list[Registration]:
    """Versions in MLflow's registry that need not be kept any more, the oldest first.

    Raises:
        Refused: one of them bears an alias in MLflow that the ledger does not know of; nobody may be served by it.
    """
    entries, names = told(desk.ledger.entries()), Names(desk.name, desk.params.promotion.reward_model)
    over = set(free(entries, kept(entries, names, desk.params.retention.keep_days, desk.clock())))
    newest = {(one.name, one.version): one for one in registrations(entries)}
    found = [one for one in newest.values() if str(one) in over]
    there = {(name, one.version) for name in {one.name for one in found} for one in registry.versions(name)}
    found = [one for one in found if (one.name, one.version) in there]
    _refuse_aliases(found)
    return found


def collect(desk: Desk, found: Sequence[Registration]) -> None:
    """Record what goes, then delete it. Call it with the workspace held."""
    desk.record(DELETED, what=VERSION, ids=[str(one) for one in found], reason=REASON,
                keep_days=desk.params.retention.keep_days)
    for one in found:
        delete_version(one.name, one.version)


def _refuse_aliases(found: Sequence[Registration]) -> None:
    for name in {one.name for one in found}:
        for alias, version in registry.aliases(name).items():
            if any((one.name, one.version) == (name, version) for one in found):
                raise Refused(f"bears the alias {alias} in MLflow, which the ledger does not say",
                              where=f"{name} version {version}", next_step="`hallmark audit reconcile` names it; set "
                              "the alias back first. Nothing was deleted.")
