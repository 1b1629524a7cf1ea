"""The wish to stop early, with its reason: the keyboard, or that going on makes no sense."""

import asyncio
import contextlib


class Stop:
    """Set once; whoever sends looks at it between two instances."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason = ""

    def because(self, reason: str) -> None:
        """Ask everybody to stop; the first reason stays."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    @property
    def is_wanted(self) -> bool:
        """Tell whether to begin nothing new."""
        return self._event.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not once stopping is wanted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
