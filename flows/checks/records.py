"""Checks of what proves: keys, ledger, clock, registry, and that nothing is reported to anybody."""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from flows import embedded
from flows.checks.installation import Said
from tasks.contracts.config import load_params
from tasks.contracts.places import PARAMS, home
from tasks.records.git import git_output

CLOCK_SLACK_SECONDS = 60.0  # behind what has happened already
FILE_SLACK_SECONDS = 1.0  # between the clock and that of the file system
STEADY_SECONDS = 0.2  # for which two clocks are compared
STEADY_SLACK_SECONDS = 0.1


def keys(root: Path, owner: Callable[[], int] = os.geteuid) -> Said:
    """Private keys that others may read, replace or own are no proof of anything."""
    folder = home() / "keys"
    private = sorted(folder.glob("*.pem"))
    faults = []
    for path, others_may in [(folder, 0o022), *((path, 0o077) for path in private)] if folder.exists() else ():
        found = path.stat()
        if found.st_mode & others_may:
            faults.append(f"{path} has mode {found.st_mode & 0o777:03o}")
        if found.st_uid != owner():
            faults.append(f"{path} belongs to user {found.st_uid}")
    return (not faults, f"{len(private)} private, " + (", ".join(faults) or "safe from others"),
            f"`chmod 700 {folder}`, `chmod 600` its *.pem, own them, and think about who read them meanwhile.")


def ledger(root: Path) -> Said:
    from tasks.records.ledger import Ledger

    found = Ledger(home()).verify()
    return (found.ok, found.broken.reason if found.broken else f"{found.entries} entries verify",
            "Restore the ledger from its last export; do not run on.")


def clock(
    root: Path, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> Said:
    """The clock against what has already happened, against the file system's, and against one that nobody sets."""
    behind = _latest(root) - wall()
    apart = abs(_file_time(home()) - wall())
    began, since = wall(), steady()
    time.sleep(STEADY_SECONDS)
    drift = abs((wall() - began) - (steady() - since))
    faults = [f"{behind:.0f} s behind the last commit and ledger entry"] * (behind >= CLOCK_SLACK_SECONDS)
    faults += [f"{apart:.1f} s from the file system's"] * (apart >= FILE_SLACK_SECONDS)
    faults += [f"it moved {drift:.1f} s while {STEADY_SECONDS} s passed"] * (drift >= STEADY_SLACK_SECONDS)
    said = "after the last commit and ledger entry, at one with the file system's, and steady"
    return not faults, ", ".join(faults) or said, "Set the clock; entries with wrong times prove little."


def _latest(root: Path) -> float:
    """When the last commit was made and the last entry written, in seconds of the epoch."""
    from tasks.records.ledger import Ledger

    committed = float(git_output(root, "log", "-1", "--format=%ct"))
    entries = Ledger(home()).entries()
    return max([committed, *(datetime.fromisoformat(entry.time).timestamp() for entry in entries)])


def _file_time(folder: Path) -> float:
    """The time that the file system gives to a file that is written now."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock.") as file:
        file.write(b"now")
        file.flush()
        return os.fstat(file.fileno()).st_mtime


def telemetry(root: Path) -> Said:
    on = [name for name, value in embedded.NO_TELEMETRY.items() if os.environ.get(name, value).lower() != value]
    return not on, f"on: {', '.join(on)}" if on else "off in every tool", "Unset these in your environment."


def mlflow(root: Path) -> Said:
    from tasks.records.mlflow_store import experiment_id, tracking_uri

    experiment_id()
    return True, tracking_uri().split("@")[-1], ""


def champion(root: Path) -> Said:
    """A promotion that was killed on its way is ended, then registry and ledger must name one champion alike."""
    from flows.desk import open_desk, smoke_test
    from flows.promote import settle, trusted_champion

    desk = open_desk(root, "doctor")
    ended = settle(desk, smoke_test(desk))
    said = "a promotion that was killed has been ended; " if ended else ""
    return True, f"{said}{trusted_champion(desk) or 'nobody yet'}, as registry and ledger say", ""


def approvers(root: Path) -> Said:
    """Whether as many people are on the committed list as a promotion wants signatures."""
    from tasks.records.approvals import read_approvers

    people, wanted = read_approvers(root), load_params(root / PARAMS).promotion.approvals
    return (len(people) >= wanted, f"{len(people)} on the committed list, a promotion wants {wanted}",
            "`hallmark keys new` makes a key; commit the entry that it prints to infra/approvers.yaml.")
