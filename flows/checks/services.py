"""Checks of what is reached over a connection or on another disk: Prefect, DVC's remotes, who is notified."""

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from flows.checks.installation import Said
from flows.dvc_repo import dvc_repo
from tasks.contracts.places import home

if TYPE_CHECKING:
    from dvc.data_cloud import Remote

READ_ONLY = "seed"  # the remote that data is fetched from; every other one is written to
REMOTE_SECONDS = 10.0  # that each remote has for its answer


def prefect(root: Path) -> Said:
    """A run is really created and read back: on the temporary server, or the one that PREFECT_API_URL names."""
    from flows.checks.probe import probe

    return probe(), "a run was created, ended and was read back", f"See {home() / 'prefect'}; is the disk writable?"


def limit(root: Path) -> Said:
    """The limit that keeps retrainings of several machines apart: there, active, and with one slot."""
    from prefect.exceptions import ObjectNotFound

    from flows.checks.probe import client_of, serves
    from flows.scheduling.deployed import LIMIT
    from flows.scheduling.served import server

    url = server(home())
    if url is None:
        return True, "not scheduled here", ""
    again = f"Start `hallmark schedule` again; it makes {LIMIT}."
    with client_of(url) as client:
        try:
            found = client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            served = serves(client, "retrain")
            return not served, f"{LIMIT} is missing" if served else "not scheduled here", again
    said = f"{LIMIT} has {found.limit} slot(s) and is {'active' if found.active else 'NOT active'}"
    return found.active and found.limit == 1, said, again


def remotes(root: Path) -> Said:
    """Each DVC remote is listed; a folder of this machine must be there, and be writable where outputs go to it."""
    with dvc_repo(root) as repo:
        names = list(repo.config["remote"])
        faults = [f"{name}: {fault}" for name in names if (fault := fault_of(repo.cloud.get_remote(name)))]
    said = "; ".join(faults) or (f"reached {', '.join(names)}" if names else "none is configured")
    return not faults, said, "`dvc remote list` says where they are; `dvc remote modify` puts one right."


def fault_of(remote: "Remote", seconds: float = REMOTE_SECONDS) -> str:
    """Why a remote cannot be used; empty where it can."""
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(_asked(remote)), daemon=True)  # some clients try for minutes
    asking.start()
    asking.join(seconds)
    return said[0] if said else f"no answer in {seconds:.0f} s"


def _asked(remote: "Remote") -> str:
    try:
        if remote.fs.protocol == "local":
            return _fault_of_folder(Path(remote.path), writes=remote.name != READ_ONLY)
        try:
            remote.fs.ls(remote.path, detail=False)
        except FileNotFoundError:  # nothing was pushed yet: then its bucket must answer
            remote.fs.ls(remote.path.partition("/")[0], detail=False)
    except Exception as fault:  # noqa: BLE001 - each kind of remote raises its own
        return f"{type(fault).__name__}: {' '.join(str(fault).split())[:150]}"
    return ""


def _fault_of_folder(folder: Path, *, writes: bool) -> str:
    ours = [home().resolve(), Path(".hallmark").resolve()]  # HALLMARK_HOME does not move what .dvc/config names
    if not folder.exists() and any(folder.is_relative_to(state) for state in ours):
        folder.mkdir(parents=True)  # the first push would make it too
    if not folder.is_dir():
        return f"{folder} is no folder"
    next(folder.iterdir(), None)
    if writes:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"written")
    return ""


def webhook(root: Path) -> Said:
    """A message of type `test` is sent to HALLMARK_WEBHOOK and must be taken."""
    from flows.telling.notify import receiver, send_test
    from flows.telling.webhook import public_key
    from tasks.records.ledger import Ledger
    from tasks.records.signatures import load_or_make_key

    to = receiver()
    if to is None:
        return True, "nobody is notified: HALLMARK_WEBHOOK is not set", ""
    delivery = send_test(Ledger(home()), to)
    key = public_key(load_or_make_key(home()))
    return (not delivery.fault, f"{to.host}: {delivery.fault or f'took a test message, which verifies with {key}'}",
            "See that the receiver is up and takes POST.")
