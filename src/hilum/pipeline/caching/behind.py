"""Files of fetched instances are written behind, some at a time.

One by one would cost as much as fetching and handing on together: each file has the thread that
writes ask for the interpreter a dozen times, and its own line of the index.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# Written in one go. Who looks something up in the cache waits for these, and not for more.
_SOME: Final = 16
# Fewer are written when they have waited so long: other processes do not see what waits here.
_LATE_SECONDS: Final = 0.05


class Behind:
    """Paths that wait to be written. Told on the event loop, written by the thread of the cache."""

    def __init__(
        self, thread: ThreadPoolExecutor, *, write: Callable[[Sequence[str]], None]
    ) -> None:
        """Take who writes some, in the thread."""
        self._thread = thread
        self._write = write
        self._waiting: deque[str] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_writing = False

    @property
    def is_waiting(self) -> bool:
        """Tell whether something is not written, nor being written."""
        return bool(self._waiting)

    def add(self, path: str) -> None:
        """Have a file written: with others, or when it is late."""
        self._waiting.append(path)
        if len(self._waiting) >= _SOME:
            self._begin()
        if self._alarm is None:
            self._set_alarm()

    def write_some(self) -> None:
        """Write what has waited longest; in the thread."""
        some: list[str] = []
        while self._waiting and len(some) < _SOME:
            some.append(self._waiting.popleft())
        if some:
            self._write(some)

    def close(self) -> None:
        """Look no more: whoever closes writes what is left."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(_LATE_SECONDS, self._look)

    def _look(self) -> None:
        """Write what waits, and look again while something does."""
        self._alarm = None
        if self._waiting:
            self._begin()
            self._set_alarm()

    def _begin(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._thread.submit(self._go_on)

    def _go_on(self) -> None:
        """Write some, and then more: whatever else the thread has to do comes in between."""
        try:
            self.write_some()
        finally:
            if len(self._waiting) >= _SOME:
                self._thread.submit(self._go_on)
            else:
                self._is_writing = False
