"""Waits for an archive that end when who asked does not want the answer any more.

Ending such a wait cancels what is waited for, so that the work behind it stops, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class OutOfPatienceError(Exception):
    """The wait was ended; what was waited for was cancelled."""


class Patience:
    """The waits of one operation, one at a time. Lives on the event loop."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Any] | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Tell whether no wait is begun any more."""
        return self._is_over

    @property
    def is_waiting(self) -> bool:
        """Tell whether an archive is waited for now."""
        return self._waiting is not None

    def end(self) -> None:
        """End the wait that is going on, and begin no other. Safe to call twice."""
        if not self._is_over:
            self._is_over = True
            if self._waiting is not None:
                self._waiting.cancel()

    async def wait(self, begin: Callable[[], Awaitable[_T]]) -> _T:
        """Begin something that lets go of what it has when it is cancelled, and wait for it.

        Raises:
            OutOfPatienceError: `end` was called.
        """
        if self.is_over:
            raise OutOfPatienceError
        task = self._waiting = asyncio.current_task()
        try:
            return await begin()
        except asyncio.CancelledError:
            # Whoever cancels the task itself has asked for it once more.
            if self._is_over and task is not None and not task.uncancel():
                raise OutOfPatienceError from None
            raise
        finally:
            self._waiting = None
