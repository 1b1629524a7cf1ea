"""What must be done once in a while, whatever goes wrong with it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from hilum.kernel.errors import HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.service.events import UpkeepFailed

# Seconds between two times, what it is in words, and what does it.
Duty = tuple[float, str, Callable[[], Awaitable[None]]]


class Duties:
    """Does duties one beside the other; one that fails is told of, and done again."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def keep(self, duties: Iterable[Duty]) -> None:
        """Do them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for seconds, words, act in duties:
                group.create_task(self._every(seconds, words, act))

    async def attempt(self, words: str, act: Callable[[], Awaitable[None]]) -> None:
        """Do something once; that it failed is told."""
        try:
            await act()
        except (OSError, HilumError) as error:
            self._telemetry.emit(UpkeepFailed(words, str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours here must not end the gateway
            told = (
                f"a fault of ours ({type(error).__name__} at {place_of(error)}); please report it"
            )
            self._telemetry.emit(UpkeepFailed(words, told))

    async def _every(self, seconds: float, words: str, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.attempt(words, act)
