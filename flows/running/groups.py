"""Process groups that a run starts, and their end: a cancel leaves none, and after a crash the next run ends them.

Every group is written down in <home>/groups/PID before it does anything, with the time at which its leader started,
so that a process which was given the same number later is never mistaken for it.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tasks.contracts.errors import StageBroke
from tasks.stage.files import write_whole

GRACE_SECONDS = 5.0  # between asking a group to end and ending it; a stage closes its MLflow run meanwhile
RUN_GRACE_SECONDS = 15.0  # for a whole run, which ends its stages and says so in the ledger
_ONCE_NOTED = ("/bin/sh", "-c", 'read -r noted && exec "$@" < /dev/null', "sh")  # it ends where nobody lives to say so
SAME_START_SECONDS = 2.0  # a process's start is told from the clock, which may have been set a little since


class Groups:
    """The groups of this process. Threads may start and end them side by side."""

    def __init__(self, home: Path):
        self._notes = home.absolute() / "groups"
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self.closing = False

    def start(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command as the leader of a new session; stdout and stderr are one stream of text.

        Args:
            log: the file that the stream goes to; None: the caller reads it from the process.

        Raises:
            StageBroke: the run is being cancelled; nothing more is started.
        """
        with self._lock, _opened(log) as out:
            if self.closing:
                raise StageBroke("is not started: its run is being cancelled", where=" ".join(command))
            process = subprocess.Popen(
                [*_ONCE_NOTED, *command], cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=out,
                stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", bufsize=1,
                start_new_session=True)
            self._running[process.pid] = process
        self.note(process.pid)
        _let_begin(process)
        return process

    def note(self, pid: int, *, alone: bool = False, owner: int | None = None) -> None:
        """Write a process down as ours, or another owner's; `alone`: it leads no group, end just it."""
        owner = os.getpid() if owner is None else owner
        note = {"pid": pid, "started": _started(pid), "alone": alone, "owner": owner, "owner_started": _started(owner)}
        write_whole(self._notes / str(pid), json.dumps(note))

    @contextmanager
    def as_a_child(self) -> Iterator[None]:
        """Write this process down as its parent's: once the parent has been killed, the next start ends it too."""
        self.note(os.getpid(), alone=True, owner=os.getppid())
        try:
            yield
        finally:
            (self._notes / str(os.getpid())).unlink(missing_ok=True)

    def note_servers(self) -> None:
        """Write down the temporary servers that Prefect started for this process: a kill would leave them behind."""
        import psutil

        for child in psutil.Process().children():
            if "uvicorn" in child.cmdline():
                self.note(child.pid, alone=True)

    def end(self, process: "subprocess.Popen[str]", grace_seconds: float = GRACE_SECONDS) -> None:
        """End what is left of a group, the polite way first; nothing happens where it has ended by itself."""
        end_group(process.pid, grace_seconds, leader=process)
        self.forget(process)

    def forget(self, process: "subprocess.Popen[str]") -> None:
        """Strike out a group that has ended."""
        with self._lock:
            self._running.pop(process.pid, None)
        (self._notes / str(process.pid)).unlink(missing_ok=True)

    def end_all(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """End every group and start none from now on; returns within the grace and a moment."""
        with self._lock:
            self.closing = True
            running = list(self._running.values())
        for process in running:  # all are asked first, so that the graces run side by side
            _signal(process.pid, signal.SIGTERM)
        for process in running:
            self.end(process, grace_seconds)

    def end_left_behind(self) -> list[int]:
        """End what runs that were killed have left; return the process ids that were still there."""
        alone = self._left_behind(alone=True)  # first: among them may be a run, which ends its own stages when asked
        _end_processes(alone)
        groups = self._left_behind(alone=False)
        for group in groups:
            end_group(group)
        _wait_until_gone(alone + groups)
        return alone + groups

    def _left_behind(self, *, alone: bool) -> list[int]:
        """Strike out what killed owners started, single processes or groups; return which of it is still there."""
        found = []
        for path in sorted(self._notes.glob("[0-9]*")):
            try:
                note = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:  # it has just ended
                continue
            if note["alone"] != alone or _is(note["owner"], note["owner_started"]):  # an owner at work ends its own
                continue
            if (_is if alone else _is_our_group)(note["pid"], note["started"]):
                found.append(note["pid"])
            path.unlink(missing_ok=True)
        return found


@contextmanager
def _opened(log: Path | None) -> Iterator[IO[str] | int]:
    if log is None:
        yield subprocess.PIPE
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        yield file


def _let_begin(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as gate:  # broken: it has been ended meanwhile
        gate.write("noted\n")
    process.stdin = None  # it reads nothing more


def end_group(group: int, grace_seconds: float = GRACE_SECONDS, leader: "subprocess.Popen[str] | None" = None) -> None:
    """Send SIGTERM to a process group, and SIGKILL to what has not ended after the grace."""
    _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline:
        if leader is not None:
            leader.poll()  # reaps it; a zombie would count as alive
        if not _members(group):
            break
        time.sleep(0.05)
    _signal(group, signal.SIGKILL)
    if leader is not None:
        leader.wait()


def _end_processes(pids: Sequence[int], grace_seconds: float = RUN_GRACE_SECONDS) -> None:
    """Send SIGTERM to single processes, and SIGKILL to those that have not ended after the grace."""
    left = list(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, number)
        deadline = time.monotonic() + grace_seconds
        while (left := [pid for pid in left if _started(pid) is not None]) and time.monotonic() < deadline:
            time.sleep(0.05)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:  # it has ended by itself
        return


def _members(group: int) -> list[int]:
    """Process ids of a group, without zombies that nobody has reaped yet."""
    import psutil

    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except ProcessLookupError:
            continue
    return found


def _is(pid: int, started: float | None) -> bool:
    """Whether a process is the one that started then, and not another one that was given its number."""
    now = _started(pid)
    return now is not None and started is not None and abs(now - started) < SAME_START_SECONDS


def _wait_until_gone(pids: Sequence[int], seconds: float = GRACE_SECONDS) -> None:
    """Wait until init has reaped processes that were not our children: DVC takes a zombie for a holder of its locks."""
    import psutil

    deadline = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_our_group(group: int, started: float | None) -> bool:
    """Whether a group is the one whose leader started then; where the leader is gone its number is not given anew."""
    return _is(group, started) or (_started(group) is None and bool(_members(group)))


def _started(pid: int) -> float | None:
    """When a living process started, in seconds of the epoch; None where there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
