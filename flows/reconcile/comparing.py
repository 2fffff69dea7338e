"""All of the comparisons of `hallmark audit reconcile`, one after the other."""

from collections.abc import Sequence
from pathlib import Path

from flows.lineage.versions import Names, Told
from flows.reconcile import disk, dvc_objects, mlflow_registry, mlflow_runs, workspace_files
from flows.reconcile.findings import Finding, Ground, Say, gone

PARTS = (mlflow_runs, mlflow_registry, dvc_objects, workspace_files, disk)


def reconcile(
    root: Path, home: Path, entries: Sequence[Told], names: Names, *, deep: bool = False, say: Say = lambda line: None,
    note: Say = lambda line: None
) -> list[Finding]:
    """Everything outside the ledger that is not as the ledger says. `entries`: of a ledger that verifies.

    Args:
        deep: read the bytes of large objects and of stores elsewhere too.
        say: told what is being looked at.
        note: told what is absent and is no finding, since the ledger says why.

    Raises:
        ServiceUnreachable: MLflow, or with `deep` a remote, does not answer.
    """
    ground = Ground(root, home, entries, names, gone(entries), deep, say, note)
    return [finding for part in PARTS for finding in part.compare(ground)]
