"""An event loop whose time is a number: waiting costs nothing, runs can be repeated.

For code that waits only on asyncio (no sockets, no threads): when nothing is ready, time jumps to
the next timer. A loop on which nothing will ever happen again is an error, not a hang.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Any Monday will do; tests of calendars move it.
_BEGINNING: Final = datetime(2030, 1, 7, 8, 0, tzinfo=UTC)


class NothingLeft(RuntimeError):
    """Everybody waits for something that cannot happen: a deadlock of what is tested."""


class _Jumps:
    """Stands where a loop has its selector: instead of waiting it moves the time."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingLeft("nothing is ready and no timer runs")
        if timeout > 0:
            self._loop.jump(timeout)
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        # BaseEventLoop asks these two for readiness; there are no files here.
        self._selector = _Jumps(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Give the virtual time."""
        return self._seconds

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._seconds += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list  # noqa: S101 - nothing can be ready without files

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody needs to be woken."""


class VirtualClock:
    """A Clock that shows a virtual loop's time. A process may have been up for some of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, beginning: datetime = _BEGINNING) -> None:
        self._loop = loop
        self._beginning = beginning

    def monotonic(self) -> float:
        """Give the loop's time."""
        return self._loop.time()

    def now(self) -> datetime:
        """Give the date at the loop's time."""
        return self._beginning + timedelta(seconds=self._loop.time())

    def turn(self, step: timedelta) -> None:
        """Set the wall clock by a step; what is measured goes on."""
        self._beginning += step

    def steady(self) -> "VirtualClock":
        """Give a clock that shows the same now, and is not turned with this one."""
        return VirtualClock(self._loop, self._beginning)


def run_virtually(
    make: Callable[[VirtualClock], Coroutine[Any, Any, T]], beginning: datetime = _BEGINNING
) -> T:
    """Run what `make` gives to its end in virtual time."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(make(VirtualClock(loop, beginning)))
        _cancel_the_rest(loop)
    finally:
        loop.close()
    return result


def _cancel_the_rest(loop: asyncio.AbstractEventLoop) -> None:
    left = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in left:
        task.cancel()
    if left:
        rest: Awaitable[Any] = asyncio.gather(*left, return_exceptions=True)
        loop.run_until_complete(rest)
