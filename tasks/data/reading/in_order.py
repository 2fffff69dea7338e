"""Work on many pieces by several processes, with the answers in the order of the pieces.

The number of processes changes no answer: each piece is worked on alone, and what spans pieces is put together by the
caller, in order.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from types import TracebackType
from typing import TypeVar

from tasks.contracts.errors import StageBroke

AHEAD = 2  # pieces that wait for each process, so that none of them waits for a piece
ONE_THREAD = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


class Processes:
    """Processes that start with the first work that is worth them, and end with the `with`.

    Args:
        cores: how many at most; with one, the work is done here.
    """

    def __init__(self, cores: int) -> None:
        self.cores = max(1, cores)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, work: Callable[[Piece], Answer], pieces: Iterable[Piece], *, alone: bool = False) -> Iterator[Answer]:
        """Yield the answer to each piece, in order. At most AHEAD pieces a process are held at a time.

        Args:
            work: a function of a module, so that another process finds it.
            alone: True where there is so little to do that starting a process would cost more.

        Raises:
            StageBroke: a process died, for want of memory for instance. What `work` or `pieces` raises is passed on.
        """
        if alone or self.cores == 1:
            yield from map(work, pieces)
            return
        yield from map(_answer, in_turn(partial(self._submitted, work), pieces, ahead=AHEAD * self.cores))

    def _submitted(self, work: Callable[[Piece], Answer], piece: Piece) -> "Future[Answer]":
        if self._pool is None:  # spawn: a fork copies locks of other threads
            self._pool = ProcessPoolExecutor(self.cores, mp_context=get_context("spawn"), initializer=_begin)
        try:
            return self._pool.submit(work, piece)
        except BrokenProcessPool:
            raise _died() from None


def in_turn(
    submit: "Callable[[Piece], Future[Answer]]", pieces: Iterable[Piece], *, ahead: int
) -> "Iterator[Future[Answer]]":
    """Yield the future of each piece, in order; while the caller waits for one, `ahead` more are worked on."""
    waiting: deque[Future[Answer]] = deque()
    for piece in pieces:
        waiting.append(submit(piece))
        if len(waiting) > ahead:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


def _answer(future: "Future[Answer]") -> Answer:
    try:
        return future.result()
    except BrokenProcessPool:
        raise _died() from None


def _died() -> StageBroke:
    return StageBroke(
        "a process that was looking at rows died", where="reading on several cores",
        next_step="Most often the machine was out of memory: run it with fewer `threads` (params.yaml) or more memory.")


def _begin() -> None:
    """In each process: one thread, and an end with the parent, however that one ends."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
