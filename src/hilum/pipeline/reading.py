"""Reads payloads without making the event loop wait for a disk.

What lies in the page cache is read on the loop: a thread would cost more than the read. When one
read took long, the next ones are done by threads for a while; for a long while only if that
happens again soon, since on a busy machine the loop itself is held up once in a while.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from hilum.pipeline.crew import Crew

_T = TypeVar("_T")

# A mebibyte from the page cache takes a tenth of it, even on a busy machine.
_SLOW_SECONDS: Final = 0.01
_WARY_SECONDS_MIN: Final = 0.25
_WARY_SECONDS_MAX: Final = 30.0
_GROWTH: Final = 4.0
# A slow read so soon after the last spell makes the next spell longer.
_SOON_SECONDS: Final = 5.0
# Of the whole process. A disk that hangs holds up so many reads until others wait behind them.
_CREW: Final = Crew("reading", 6)


class Reading:
    """Decides for each call whether the loop or a thread makes it. One for each who reads."""

    def __init__(self) -> None:
        self._wary_until = 0.0
        self._spell = _WARY_SECONDS_MIN

    async def call(self, act: Callable[[], _T], *, is_long: bool = False) -> _T:
        """Give what `act` gives. When this returns or raises, `act` has come to its end.

        What `is_long` a thread does in any case. What was opened is closed when nobody is there
        any more to take it.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        if is_long or started < self._wary_until:
            return await _in_a_thread(act)
        try:
            return act()
        finally:
            ended = loop.time()
            if ended - started > _SLOW_SECONDS:
                self._be_wary(ended)

    def _be_wary(self, now: float) -> None:
        is_soon = self._wary_until and now < self._wary_until + _SOON_SECONDS
        longer = min(self._spell * _GROWTH, _WARY_SECONDS_MAX)
        self._spell = longer if is_soon else _WARY_SECONDS_MIN
        self._wary_until = now + self._spell


async def _in_a_thread(act: Callable[[], _T]) -> _T:
    future = _CREW.submit(act)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # The thread still uses the file and the buffer: nobody may close or reuse them before.
        future.add_done_callback(_close)
        while not future.done():
            with suppress(asyncio.CancelledError):  # once more: it is raised below
                await asyncio.wait({future})
        raise


def _close(future: asyncio.Future[_T]) -> None:
    """Close what came of it, if it can be."""
    if future.cancelled() or future.exception() is not None:
        return
    close = getattr(future.result(), "close", None)
    if close is not None:
        close()
