"""Reads payloads without making the event loop wait for a disk.

What lies in the page cache is read on the loop: a thread would cost more than the read. When one
read took long, the next ones are done by threads for a while.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

# A mebibyte from the page cache takes a tenth of it, even on a busy machine.
_SLOW_SECONDS: Final = 0.01
_WARY_SECONDS: Final = 30.0


class Reading:
    """Decides for each call whether the loop or a thread makes it. One for each who reads."""

    def __init__(self) -> None:
        self._wary_until = 0.0

    async def call(self, act: Callable[[], _T]) -> _T:
        """Give what `act` gives. When this returns or raises, `act` has come to its end."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        if started < self._wary_until:
            return await _in_a_thread(loop, act)
        try:
            return act()
        finally:
            ended = loop.time()
            if ended - started > _SLOW_SECONDS:
                self._wary_until = ended + _WARY_SECONDS


async def _in_a_thread(loop: asyncio.AbstractEventLoop, act: Callable[[], _T]) -> _T:
    future = loop.run_in_executor(None, act)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # The thread still uses the file and the buffer: nobody may close or reuse them before.
        await asyncio.wait({future})
        raise
