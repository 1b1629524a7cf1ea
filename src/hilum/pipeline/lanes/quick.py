"""Asks the ledger on the event loop while it answers at once, and in threads when it does not.

A thread costs two wake-ups and a quarrel about the interpreter, more than a small claim. Only for a
ledger whose transactions do not wait for the device: there others hold its lock for a moment only.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from hilum.kernel.clock import Clock
from hilum.pipeline.lanes.ports import Aside

T = TypeVar("T")

# A full claim takes a few milliseconds; what takes so long waits for something.
SLOW_SECONDS: Final = 0.02
# How long a ledger that was slow once is left to threads.
WARY_SECONDS: Final = 30.0


class QuickAside:
    """An `Aside` that is not beside the loop while it need not be."""

    def __init__(self, threads: Aside, clock: Clock) -> None:
        self._threads = threads
        self._clock = clock
        self._wary_until = 0.0

    async def run(self, job: Callable[[], T]) -> T:
        """Give what `job` gives, or raise what it raises. A job that has begun is not cancelled."""
        # What came in meanwhile goes first; asking again and again must not keep it out.
        await asyncio.sleep(0)
        begun = self._clock.monotonic()
        if begun < self._wary_until:
            return await self._threads.run(job)
        try:
            return job()
        finally:
            ended = self._clock.monotonic()
            if ended - begun > SLOW_SECONDS:
                self._wary_until = ended + WARY_SECONDS
