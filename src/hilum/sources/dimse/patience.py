"""Waits for an archive that end when who asked does not want the answer any more.

Ending such a wait cancels what is waited for, so that the work behind it stops, too.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


class OutOfPatienceError(Exception):
    """The wait was ended; what was waited for was cancelled."""


class Patience:
    """The waits of one operation, one at a time. Lives on the event loop."""

    def __init__(self) -> None:
        self._scope: asyncio.Timeout | None = None
        self._is_over = False

    @property
    def is_waiting(self) -> bool:
        """Tell whether an archive is waited for now."""
        return self._scope is not None

    def end(self) -> None:
        """End the wait that is going on, and those to come. Safe to call twice."""
        if not self._is_over:
            self._is_over = True
            if self._scope is not None:
                self._scope.reschedule(asyncio.get_running_loop().time())

    async def wait(self, awaited: Awaitable[_T]) -> _T:
        """Wait for something that lets go of what it has when it is cancelled.

        Raises:
            OutOfPatienceError: `end` was called.
        """
        scope = asyncio.timeout(0 if self._is_over else None)
        try:
            async with scope:
                self._scope = scope
                try:
                    return await awaited
                finally:
                    self._scope = None
        except TimeoutError:
            if scope.expired():
                raise OutOfPatienceError from None
            raise
