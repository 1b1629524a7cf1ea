"""Threads that do for the event loop what may take long.

Leaner than an executor, whose futures cost the loop more than a short job does: one C queue in, one
wake-up of the loop out.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_Order = tuple[Callable[[], Any], "asyncio.Future[Any]"]

_STOP: Final = None


class Crew:
    """A few threads for any number of event loops. They begin with the first job."""

    def __init__(self, name: str, count: int) -> None:
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._has_begun = self._has_ended = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]

    def submit(self, job: Callable[[], _T]) -> "asyncio.Future[_T]":
        """Have `job` done. One that has begun goes on when its future is cancelled."""
        if self._has_ended:
            raise RuntimeError("its threads have ended: nobody would ever do it")
        if not self._has_begun:
            self._begin()
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._orders.put((job, future))
        return future

    async def run(self, job: Callable[[], _T]) -> _T:
        """Give what `job` gives, or raise what it raises. A job that has begun is not cancelled."""
        return await self.submit(job)

    def close(self) -> None:
        """Wait for what was submitted, and end."""
        self._has_ended = True
        if not self._has_begun:
            return
        for _ in self._threads:
            self._orders.put(_STOP)
        for thread in self._threads:
            thread.join()

    def _begin(self) -> None:
        self._has_begun = True
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (order := self._orders.get()) is not _STOP:
            job, future = order
            if not future.cancelled():
                self._do(job, future)
            # While it waits for the next one, a thread must not keep what the last one gave.
            del order, job, future

    @staticmethod
    def _do(job: Callable[[], Any], future: "asyncio.Future[Any]") -> None:
        settle: Callable[[Any], None] = future.set_result
        try:
            result = job()
        except BaseException as error:  # noqa: BLE001 - a job's failure is for who awaits it
            settle, result = future.set_exception, error
        # The loop may have been closed meanwhile: nobody waits any more then.
        with suppress(RuntimeError):
            future.get_loop().call_soon_threadsafe(_settle, future, settle, result)


def _settle(future: "asyncio.Future[Any]", settle: Callable[[Any], None], result: object) -> None:
    if not future.done():
        settle(result)
