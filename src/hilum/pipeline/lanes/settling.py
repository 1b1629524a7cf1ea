"""Writes down what became of deliveries, many in one transaction.

What is not written yet when the process dies is delivered once more. So nothing waits for long: so
many results, so much time, or a lane that has nothing else to do, whichever comes first.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError
from hilum.pipeline.lanes.books import Books
from hilum.pipeline.lanes.goods import Result

RESULTS_ENOUGH: Final = 64
RESULTS_SECONDS: Final = 0.05
# One transaction stays short for whoever else wants to write.
RESULTS_MAX: Final = 512
# An idle lane settles at once, but a lane that idles after each instance does not settle each.
PAUSE_SECONDS: Final = 0.02
# The ledger failed: how long until it is asked again.
TROUBLE_SECONDS: Final = 1.0
# With so many unsettled nothing more is sent, so that a dead ledger does not fill the memory.
UNSETTLED_MAX: Final = 2048


class Settler:
    """The results of one lane on their way to the ledger."""

    def __init__(self, books: Books, clock: Clock, tell: Callable[[HilumError], None]) -> None:
        self._books = books
        self._clock = clock
        self._tell = tell
        self._results: list[Result] = []
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._settled_at = -PAUSE_SECONDS
        self._is_ending = False

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more should be begun before something is settled."""
        return len(self._results) >= UNSETTLED_MAX

    def add(self, result: Result) -> None:
        """Take a result; it is written down soon."""
        self._results.append(result)
        if len(self._results) >= RESULTS_ENOUGH:
            self._due.set()
        elif self._timer is None:
            self._later(RESULTS_SECONDS)

    def hurry(self) -> None:
        """Write down what there is now: the lane has nothing else to do."""
        if not self._results:
            return
        left = self._settled_at + PAUSE_SECONDS - self._clock.monotonic()
        if left <= 0 or self._is_ending:
            self._due.set()
        else:
            self._later(left)

    def end(self) -> None:
        """Let run() end when all is written down."""
        self._is_ending = True
        self._due.set()

    async def run(self) -> None:
        """Write down results until end()."""
        while not self._is_ending or self._results:
            await self._due.wait()
            self._due.clear()
            self._forget_timer()
            while self._results:
                await self._settle(self._results[:RESULTS_MAX])
                if len(self._results) < RESULTS_ENOUGH and not self._is_ending:
                    break
            if self._results:
                self._later(RESULTS_SECONDS)

    async def _settle(self, results: list[Result]) -> None:
        try:
            await self._books.settle(results)
        except HilumError as error:
            # What was only put back is not told again: it may be with us again already.
            again = [result for result in results if not result.is_untried]
            self._results[: len(results)] = again
            self._tell(error)
            await asyncio.sleep(TROUBLE_SECONDS)
        else:
            del self._results[: len(results)]
            self._settled_at = self._clock.monotonic()

    def _later(self, seconds: float) -> None:
        self._forget_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due.set)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
