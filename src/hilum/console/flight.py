"""Work that may block, done off the event loop, at most once at a time however many ask."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """No work is begun any more."""


class SingleFlight(Generic[T]):
    """Whoever asks while the work is being done waits for that same result."""

    def __init__(self, work: Callable[[], T], *, name: str) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._flight: asyncio.Future[T] | None = None
        self._is_closed = False

    async def result(self, *, timeout_seconds: float) -> T:
        """Give the result of the work that is under way, or else of work begun now.

        Raises:
            TimeoutError: it takes longer. The work goes on, and no second is begun beside it.
            Closed: `close` was called.
        """
        if self._is_closed:
            raise Closed
        if self._flight is None or self._flight.done():
            self._flight = asyncio.get_running_loop().run_in_executor(self._thread, self._work)
        done, _ = await asyncio.wait({self._flight}, timeout=timeout_seconds)
        if not done:
            raise TimeoutError
        return self._flight.result()

    def close(self) -> None:
        """Begin no more work. What hangs is not waited for."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
