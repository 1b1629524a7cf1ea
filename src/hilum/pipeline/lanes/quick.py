"""Asks the ledger on the event loop while it answers at once, and in threads when it does not.

A thread costs two wake-ups and a quarrel about the interpreter, more than a small claim. Only for a
ledger whose transactions do not wait for the device: there others hold its lock for a moment only.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from hilum.kernel.clock import Clock
from hilum.pipeline.lanes.ports import Aside
from hilum.pipeline.wariness import Wariness

T = TypeVar("T")

# A full claim takes a few milliseconds; what takes so long waits for something.
SLOW_SECONDS: Final = 0.02


class QuickAside:
    """An `Aside` that is not beside the loop while it need not be."""

    def __init__(self, threads: Aside, clock: Clock) -> None:
        self._threads = threads
        self._clock = clock
        self._wariness = Wariness(clock, slow_seconds=SLOW_SECONDS)

    async def run(self, job: Callable[[], T]) -> T:
        """Give what `job` gives, or raise what it raises. A job that has begun is not cancelled."""
        # What came in meanwhile goes first; asking again and again must not keep it out.
        await asyncio.sleep(0)
        if self._wariness.is_wary:
            return await self._threads.run(job)
        begun = self._clock.monotonic()
        try:
            return job()
        finally:
            self._wariness.judge(begun)
