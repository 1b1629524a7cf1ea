"""Threads that do what may block (disk, ledger) so that the event loop never does.

Leaner than an executor: one C queue in, one wake-up of the loop out. On the hot path this runs for
every group of instances.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

Job = Callable[[], Any]
Done = Callable[[Any], None]

_STOP: Final = None


class Scribes:
    """A few threads that run jobs in order of arrival and report back to the loop."""

    def __init__(self, name: str, count: int) -> None:
        self._queue: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True)
            for index in range(count)
        ]

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work; results are reported on `loop`."""
        self._loop = loop
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` in a thread, then `done(result)` on the loop; an exception is the result."""
        self._queue.put((job, done))

    def stop(self) -> None:
        """Finish what was submitted, then end the threads."""
        for _ in self._threads:
            self._queue.put(_STOP)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        assert self._loop is not None  # noqa: S101 - start() set it before any thread ran
        report = self._loop.call_soon_threadsafe
        while (item := self._queue.get()) is not _STOP:
            job, done = item
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - a job's failure is its result
                result = error
            try:
                report(done, result)
            except RuntimeError:
                # The loop was closed while we worked: nobody waits for this result any more.
                return
