"""Several cores of the CPU: each computes whole micro-batches of its own.

torch's own threads share one operation after the other. In small models they wait for one another most of the time,
by spinning, which also takes the cores from everybody else; and another number of them sums in another order. So
every operation has one thread here, and several operations run side by side: the number of workers changes no byte.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

Result = TypeVar("Result")
_pools: list[tuple[int, ThreadPoolExecutor]] = []  # of this process, as torch's threads are; empty: one worker


def use_workers(count: int) -> None:
    """Compute with so many cores from now on, process-wide; every operation of torch on the CPU has one thread."""
    torch.set_num_threads(1)
    while _pools:
        _pools.pop()[1].shutdown()
    if count > 1:
        _pools.append((count, ThreadPoolExecutor(count, "micro-batch", torch.set_num_threads, (1,))))


def in_order(jobs: Iterable[Callable[[], Result]], device: torch.device) -> Generator[Result, None, None]:
    """Yield what the jobs return, in their order; on the CPU as many run side by side as there are workers.

    At most one more than that have begun and are not yielded yet. A job that needs torch.no_grad or autocast enters it
    itself: both are of a thread. What a job raises is raised here, once those beside it have ended.
    """
    if device.type != "cpu" or not _pools:
        for job in jobs:
            yield job()
        return
    count, pool = _pools[0]
    begun: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            if len(begun) > count:  # one waits its turn, so that no worker has to wait for it
                yield begun.popleft().result()
            begun.append(pool.submit(job))
        while begun:
            yield begun.popleft().result()
    finally:
        wait(begun)
