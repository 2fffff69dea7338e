"""A run's turn in its workspace and on its machine.

A run by hand refuses where another is at work. A deployed one waits: for its slot at the Prefect server, then for the
locks of the operating system, which hold even where Prefect's limit is gone or inactive; and its time is limited.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from flows import workspace
from flows.running.groups import Groups
from flows.scheduling import deployed
from tasks.contracts.errors import Fault, Misused, WorkspaceBusy

LOOK_SECONDS = 1.0
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)

Hold = Callable[[], AbstractContextManager[None]]


class OutOfTime(Fault, TimeoutError):
    """A deployed run took longer than its deployment allows; to Prefect it is a run that timed out."""


@contextmanager
def taken(state: Path, *, needs_gpu: bool, timeout_hours: float | None = None) -> Iterator[None]:
    """Have the workspace of a state folder, and this machine's accelerator where it is needed, to oneself.

    Args:
        timeout_hours: raise OutOfTime inside when it is over, the wait included; None: never.

    Raises:
        WorkspaceBusy: another run is at work, and this one was started by hand.
        Misused: it is deployed, and its server has no limit to keep runs apart.
    """
    holds: list[Hold] = [lambda: workspace.hold(state)]
    if needs_gpu:
        holds.append(workspace.hold_accelerator)
    here = deployed.here()
    with in_time(timeout_hours), ExitStack() as stack:
        if here:
            stack.enter_context(Groups(state).as_a_child())
            stack.enter_context(deployed.limited())
        for hold in holds:
            stack.enter_context(patiently(hold) if here else hold())
        if here:
            deployed.cover(here)
        yield


@contextmanager
def patiently(hold: Hold, look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Hold a lock as soon as nobody else does; says once whom it waits for."""
    said = ""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(hold())
                break
            except WorkspaceBusy as busy:
                if said != busy.what:
                    said = busy.what
                    print(f"waiting: {busy.what}" + (f" ({busy.found})" if busy.found else ""), flush=True)
                time.sleep(look_seconds)
        yield


@contextmanager
def in_time(hours: float | None) -> Iterator[None]:
    """Raise OutOfTime in the main thread, whatever it waits for, when the time is over.

    Raises:
        Misused: it is no time that could pass.
    """
    if hours is None:
        yield
        return
    if not 0 < hours < float("inf"):
        raise Misused("is no time for a run", where="timeout_hours", wanted="hours above 0", found=f"{hours}")

    def ring(number: int, frame: FrameType | None) -> None:
        raise OutOfTime("took longer than its deployment allows and is ended", wanted=f"at most {hours:g} h",
                        next_step="The next run resumes where it can; `hallmark schedule --timeout-hours` allows more.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, hours * 3600)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C, SIGTERM or timeout break off what ends a run; it must be bounded in time itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
