"""Ctrl-C while a peer is asked: the first asks it to stop, the second ends everything at once."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any


class Interruption:
    """Knows whether somebody wants to stop, and who can do that gently now."""

    def __init__(self, task: asyncio.Task[Any]) -> None:  # Any: what the task gives is nobody's
        self.is_wanted = False
        self._task = task
        self._gently: Callable[[], None] | None = None

    @contextlib.contextmanager
    def gently(self, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` if somebody wants to stop while the block runs, or did so before."""
        self._gently = act
        try:
            if self.is_wanted:
                act()
            yield
        finally:
            self._gently = None

    def happen(self) -> None:
        """Somebody wants to stop."""
        if self.is_wanted or self._gently is None:
            self._task.cancel()
        else:
            print("\nstopping; once more to stop at once", file=sys.stderr)
            self._gently()
        self.is_wanted = True


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Take the signals to stop over, in a running event loop."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("there is no task to interrupt")
    interruption = Interruption(task)
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interruption.happen)
    try:
        yield interruption
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
