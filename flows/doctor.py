"""Proves that this installation works: each check does what it asks about, and says the next step where it failed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.checks import installation, records, scheduling, services
from flows.checks.installation import Said
from tasks.contracts.errors import HallmarkError

CHECKS: dict[str, Callable[[Path], Said]] = {
    "python": installation.python, "packages": installation.packages, "settings": installation.settings,
    "git": installation.git, "pipeline": installation.pipeline, "data": installation.data, "disk": installation.disk,
    "gpu": installation.gpu, "remotes": services.remotes, "keys": records.keys, "ledger": records.ledger,
    "clock": records.clock, "telemetry": records.telemetry, "mlflow": records.mlflow, "champion": records.champion,
    "approvers": records.approvers, "webhook": services.webhook, "prefect": services.prefect, "limit": services.limit}


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    ok: bool
    found: str
    next_step: str = ""
    seconds: float = 0.0


def examine(root: Path) -> list[Finding]:
    """Run every check; one that breaks off is a failed finding, and the others still run."""
    with scheduling.scheduling_server(root) as server:  # first, since a new one starts while the others run
        findings = [finding(name, check, root) for name, check in CHECKS.items()]
        return [*findings, finding("schedule", lambda _: scheduling.schedule(server), root)]


def finding(name: str, check: Callable[[Path], Said], root: Path) -> Finding:
    """Run one check, and say how long it took."""
    began = time.monotonic()
    ok, found, next_step = _said(check, root)
    return Finding(name, ok, found, "" if ok else next_step, round(time.monotonic() - began, 2))


def _said(check: Callable[[Path], Said], root: Path) -> Said:
    try:
        return check(root)
    except HallmarkError as error:
        return False, error.what + (f" ({error.found})" if error.found else ""), error.next_step
    except Exception as fault:  # noqa: BLE001 - a doctor reports what is broken, whatever it is
        return False, f"{type(fault).__name__}: {str(fault)[:200]}", "See what the message names."
