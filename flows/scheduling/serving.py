"""Serves the deployments: starts each run as a process of its own in this workspace, and cancels them at its end."""

import asyncio
import signal
import threading
from typing import cast
from uuid import UUID

from prefect.runner import Runner

from flows.schedule import Plan, deployments
from tasks.contracts.errors import ServiceUnreachable

POLL_SECONDS = 3.0
STOP_SECONDS = 90.0  # Prefect gives each run that is at work 30 s to end


class Serving:
    """Prefect's runner in a thread of its own, so that the main thread hears signals and may look at other things."""

    def __init__(self, name: str, plan: Plan):
        self.name = name
        self._runner = Runner(name=name, query_seconds=POLL_SECONDS, pause_on_shutdown=False, limit=None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="runner", daemon=True)
        self._error: BaseException | None = None
        self.retraining, self.promotion = [
            cast("UUID", self._runner.add_deployment(one)) for one in deployments(name, plan)]  # no loop runs here

    def start(self) -> None:
        self._thread.start()

    def _serve(self) -> None:
        # What this thread starts inherits that Ctrl-C is blocked: a run is asked to end once, by the runner.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            self._error = error

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._runner.start()

    def check(self) -> None:
        """Raise ServiceUnreachable where the runner has ended by itself, which it should not."""
        if not self._thread.is_alive():
            raise ServiceUnreachable("the schedule is served no more", found=str(self._error or "it ended")[:300],
                                     next_step="Start `hallmark schedule` again; what was missed is run once.")

    def stop(self) -> None:
        """Cancel the runs that are at work and serve no more; returns when they have ended, or after STOP_SECONDS."""
        if self._loop is None or not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._runner.astop(), self._loop).result(STOP_SECONDS)
        self._thread.join(STOP_SECONDS)
