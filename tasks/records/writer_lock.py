"""One writer of a ledger at a time on this host, from the reading of its end to the new head beside it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.contracts.errors import DiskFull, ServiceUnreachable


@contextmanager
def one_writer(home: Path, place: str, busy_seconds: float) -> Iterator[None]:
    """Hold off other writers. The system frees the lock of a killed process.

    Args:
        home: the state folder, in which the lock's file lies.
        place: what to call the ledger in a message.
        busy_seconds: how long to wait for another writer.

    Raises:
        ServiceUnreachable: another one held it longer than that.
        DiskFull: there is no room for the lock's file.
    """
    try:
        with FileLock(home / "ledger.lock", timeout=busy_seconds):
            yield
    except Timeout:
        raise ServiceUnreachable("another process holds the ledger", where=place, next_step="Try again.") from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DiskFull("no room for another entry", where=place, next_step="Free some space and try again.") from None


@contextmanager
def no_writer(home: Path, place: str, busy_seconds: float) -> Iterator[None]:
    """As one_writer; a folder in which this process may not write is a copy, to which nobody appends."""
    with one_writer(home, place, busy_seconds) if os.access(home, os.W_OK) else nullcontext():
        yield
