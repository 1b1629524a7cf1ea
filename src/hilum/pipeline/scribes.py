"""Scribes do what may block (disk, ledger) so that the event loop does not.

Leaner than an executor: one C queue in, one wake-up of the loop out. Still each of the two costs
50-100 µs on a virtual machine, as much as a small commit itself; hence `QuickScribe`.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from hilum.kernel.clock import Clock
from hilum.pipeline.wariness import Wariness

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

    submit_now = submit  # a thread never makes anybody wait

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


# Writing to the page cache takes a fraction of a millisecond; when it takes so long, the disk is
# slow.
SLOW_SECONDS: Final = 0.02
# A sync waits for the device: one that keeps the loop for longer than this is left to threads.
SLOW_SYNC_SECONDS: Final = 0.004


class QuickScribe:
    """Does jobs on the loop itself while they are quick, and leaves them to threads when not.

    Only for jobs that wait for nothing but the page cache: bytes that were just received are
    written while they are still in the processor's cache, which is several times as fast as
    anything another thread can do with them later. After a slow job threads have the work for a
    while (see `Wariness`).
    """

    def __init__(
        self, clock: Clock, fallback: Scribes, *, slow_seconds: float = SLOW_SECONDS
    ) -> None:
        self._clock = clock
        self._wariness = Wariness(clock, slow_seconds=slow_seconds)
        self._fallback = fallback
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to work."""
        self._loop = loop
        self._fallback.start(loop)

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` when this turn of the loop is over, so that what comes in it is one group."""
        if self._loop is None or self._wariness.is_wary:
            self._fallback.submit(job, done)
        else:
            self._loop.call_soon(self._run, job, done)

    def submit_now(self, job: Job, done: Done) -> None:
        """Run `job` before returning, if that is quick."""
        if self._wariness.is_wary:
            self._fallback.submit(job, done)
        else:
            self._run(job, done)

    def submit_to_thread(self, job: Job, done: Done) -> None:
        """Run `job` in a thread in any case."""
        self._fallback.submit(job, done)

    def stop(self) -> None:
        """End the threads."""
        self._fallback.stop()

    def _run(self, job: Job, done: Done) -> None:
        begun = self._clock.monotonic()
        try:
            result = job()
        except Exception as error:  # noqa: BLE001 - a job's failure is its result
            result = error
        self._wariness.judge(begun)
        done(result)
