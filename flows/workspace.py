"""What must be so before a run may act: a checkout, room on the disk, the data, and nobody else at work here."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tasks.contracts.errors import DiskFull, NotAWorkspace, ServiceUnreachable, WorkspaceBusy
from tasks.contracts.places import home
from tasks.records.git import git

RETRAIN, SCHEDULE = "retrain", "schedule"  # what can be held
BUSY = {  # what is held -> what is said to who comes second, and the next step
    RETRAIN: ("another run is at work here", "Wait for it, or end it with Ctrl-C where it was started."),
    SCHEDULE: ("another `hallmark schedule` serves this workspace", "End it with Ctrl-C where it was started.")}
ROOM_BYTES = 512 * 2**20  # a run of the demo world writes less than a tenth of it


def find_root(start: Path) -> Path:
    """The workspace that a folder lies in: the nearest one upwards with a git checkout and a dvc.yaml.

    Raises:
        NotAWorkspace: there is none, or git is not installed, or nothing was ever committed.
    """
    if shutil.which("git") is None:
        raise NotAWorkspace("git is not installed", wanted="the program `git` on PATH", next_step="Install git.")
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / "dvc.yaml").is_file() and (folder / ".git").exists():
            _refuse_without_commit(folder)
            return folder
    missing = "a git checkout" if (start / "dvc.yaml").is_file() else "a folder with dvc.yaml"
    raise NotAWorkspace(
        "no retraining can run here", where=str(start), wanted=missing, found="none, here or above",
        next_step="Go to a clone of the project (`git clone`); a run is named after its commit.")


def _refuse_without_commit(root: Path) -> None:
    asked = git(root, "rev-parse", "--verify", "-q", "HEAD")
    if asked.returncode:
        said = asked.stderr.decode(errors="replace").strip().splitlines()
        raise NotAWorkspace(
            "git names no commit here", where=str(root), wanted="at least one commit",
            found=said[0] if said else "none", next_step="Commit the project first; a run is named after its commit.")


def refuse_without_room(folder: Path, wanted_bytes: int = ROOM_BYTES) -> None:
    """Raise DiskFull where less is free than a run may need."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < wanted_bytes:
        raise DiskFull(
            "too little room on the disk for a run", where=str(existing), wanted=f"{wanted_bytes / 2**20:.0f} MiB free",
            found=f"{free / 2**20:.0f} MiB", next_step="Free some space; nothing was changed.")


def prepare(root: Path) -> None:
    """See that a run can begin: a checkout with a commit, room on the disk, and the data, fetched if it is absent."""
    if find_root(root) != root.absolute():
        raise NotAWorkspace("is not the root of a workspace", where=str(root), wanted=str(find_root(root)))
    refuse_without_room(home())
    fetch_data(root)


def fetch_data(root: Path) -> bool:
    """Fetch data/ with DVC where it is not there; return whether it was fetched.

    Raises:
        NotAWorkspace: there is neither data nor a data.dvc that says where to get it.
        ServiceUnreachable: DVC could not fetch it.
    """
    if (root / "data").exists():
        return False
    if not (root / "data.dvc").is_file():
        raise NotAWorkspace(
            "there is no data", where=str(root), wanted="the folder data/, or data.dvc that names its bytes",
            next_step="Restore it with `git checkout data.dvc`, or add your own with `dvc add data`.")
    path = root / ".dvc" / "config"
    config = path.read_text(encoding="utf-8") if path.is_file() else ""
    remotes = [["--remote", name] for name in ("seed", "store") if f'remote "{name}"' in config]
    for remote in remotes or [[]]:
        command = [sys.executable, "-m", "dvc", "pull", "data.dvc", "--quiet", *remote]
        pulled = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if not pulled.returncode:
            return True
    raise ServiceUnreachable(
        "the data could not be fetched", where="data.dvc", found=" ".join(pulled.stderr.split())[-300:],
        next_step="`dvc pull data.dvc` does the same; see that its remote can be reached.")


def hold(folder: Path) -> AbstractContextManager[None]:
    """Hold the workspace: one run at a time. The lock is the operating system's and ends with the process.

    Raises:
        WorkspaceBusy: another process holds it; names its pid and since when.
    """
    return _held(folder, RETRAIN)


def hold_schedule(folder: Path) -> AbstractContextManager[None]:
    """Serve the workspace's schedule: one command at a time; runs by hand may go on beside it.

    Raises:
        WorkspaceBusy: another process serves it; names its pid and since when.
    """
    return _held(folder, SCHEDULE)


@contextmanager
def _held(folder: Path, what: str) -> Iterator[None]:
    """Hold WHAT.lock in a folder and say in WHAT.holder.json who does."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{what}.lock")
    try:
        lock.acquire(timeout=0.5)  # `status` holds it for a moment when it looks
    except Timeout:
        raise _busy(folder, what) from None
    note = folder / f"{what}.holder.json"
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        note.write_text(json.dumps({"pid": os.getpid(), "since": since}), encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def has_accelerator() -> bool:
    """Whether an NVIDIA GPU is in this machine, without loading anything."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


@contextmanager
def hold_accelerator(folder: Path | None = None) -> Iterator[None]:
    """Hold this machine's accelerator: one run at a time, whatever workspace it is of.

    Args:
        folder: where the lock lies; the machine's folder for temporary files by default.

    Raises:
        WorkspaceBusy: a run of another workspace holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock((folder or Path(tempfile.gettempdir())) / "hallmark-accelerator.lock", mode=0o666)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise WorkspaceBusy("another run holds this machine's accelerator", where=str(lock.lock_file),
                            next_step="Wait for it, or run with --set device=cpu.") from None
    try:
        yield
    finally:
        lock.release()


def refuse_if_held(folder: Path) -> None:
    """Raise WorkspaceBusy where a run is at work, without holding anything; spares a wait that ends so anyway."""
    if is_held(folder):
        raise _busy(folder)


def _busy(folder: Path, what: str = RETRAIN) -> WorkspaceBusy:
    said, next_step = BUSY[what]
    return WorkspaceBusy(said, where=str(folder), found=holder(folder, what), next_step=next_step)


def holder(folder: Path, what: str = RETRAIN) -> str:
    """Who holds the workspace or its schedule, in words.

    Ask only while the lock is taken: the note may outlive a killed process.
    """
    try:
        note = json.loads((folder / f"{what}.holder.json").read_text(encoding="utf-8"))
        return f"process {note['pid']} since {note['since']}"
    except (FileNotFoundError, json.JSONDecodeError):  # it has just begun, or just ended
        return "a process that has not said its name yet"


def is_held(folder: Path) -> bool:
    """Whether a run is at work here now."""
    from filelock import FileLock, Timeout

    if not (folder / f"{RETRAIN}.lock").exists():
        return False
    try:
        with FileLock(folder / f"{RETRAIN}.lock", blocking=False):
            return False
    except Timeout:
        return True
