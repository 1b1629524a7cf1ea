"""Runs a commit on the event loop, step by step: while its syncs are under way, others go on.

With a thread of its own each commit would take the interpreter away from the loop at every call
it makes, which cost twice what the commit itself does; and the kernel needs nobody to wait for it.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

from hilum.kernel.clock import Clock
from hilum.kernel.syncing import Bell, Syncing

T = TypeVar("T")
# What gives the syncs that it needs; who does not wait for them finds that it waits by itself.
Steps = Generator[Syncing, None, T]
Done = Callable[[Any], None]

# A step touches memory and the page cache. One that keeps the loop this long met a slow disk, and
# for a while what comes is left to a thread.
_SLOW_SECONDS: Final = 0.05
_DISTRUST_SECONDS: Final = 30.0


def finished(steps: Steps[T]) -> T:
    """Take all steps at once; give the result."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: T = end.value
        return result


class Stepper:
    """One at a time, all on the loop. `bell` rings when a sync has ended."""

    def __init__(self, clock: Clock, bell: Bell) -> None:
        self._clock = clock
        self._bell = bell
        self._awaited: Syncing | None = None
        self._steps: Steps[Any] | None = None
        self._done: Done = lambda _: None
        self._distrusted_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to the bell."""
        self._loop = loop
        loop.add_reader(self._bell.descriptor, self._rung)

    def stop(self) -> None:
        """Listen no more."""
        if self._loop is not None:
            self._loop.remove_reader(self._bell.descriptor)

    @property
    def is_slow(self) -> bool:
        """Tell whether a thread should rather do it."""
        return self._clock.monotonic() < self._distrusted_until

    def submit(self, steps: Steps[Any], done: Done) -> None:
        """Take the steps, the first one when this turn of the loop is over; then `done(result)`.

        An exception is a result.
        """
        assert self._loop is not None  # noqa: S101 - start() came first
        self._steps, self._done = steps, done
        self._loop.call_soon(self._step)

    def _rung(self) -> None:
        self._bell.hush()
        if self._awaited is not None and self._awaited.is_over:
            self._awaited = None
            self._step()

    def _step(self) -> None:
        """Go on until there is something to wait for."""
        assert self._steps is not None  # noqa: S101 - submit() came first
        begun = self._clock.monotonic()
        result: Any = None
        try:
            while (syncing := next(self._steps)).is_over:
                pass
        except StopIteration as end:
            result = end.value
        except Exception as error:  # noqa: BLE001 - a job's failure is its result
            result = error
        else:
            self._awaited = syncing
        ended = self._clock.monotonic()
        if ended - begun > _SLOW_SECONDS:
            self._distrusted_until = ended + _DISTRUST_SECONDS
        if self._awaited is None:
            self._steps = None
            self._done(result)
