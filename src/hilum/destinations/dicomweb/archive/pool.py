"""The connections of one answerer: how many at one time, who has them, and since when."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from hilum.kernel.clock import Clock
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost


@dataclass(slots=True, eq=False)
class Line:
    """A request that is under way. `what`: in words, without keys; `bytes_in`: as they came."""

    what: str
    since: datetime
    bytes_in: int = 0


class Pool:
    """Hands out lines, in the order in which they were asked for."""

    def __init__(self, answerer: str, lines_max: int, wait_seconds: float, clock: Clock) -> None:
        self.lines_max = lines_max
        self._answerer = answerer
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._free = asyncio.Semaphore(lines_max)
        self._in_use: list[Line] = []
        self.waiting = 0

    @property
    def in_use(self) -> Sequence[Line]:
        """Give what is under way now, the oldest first."""
        return tuple(self._in_use)

    @asynccontextmanager
    async def line(self, what: str) -> AsyncIterator[Line]:
        """Have a line until the context is left. Raises AnswererFailed (BUSY)."""
        await self._acquire()
        line = Line(what, self._clock.now())
        self._in_use.append(line)
        try:
            yield line
        finally:
            self._in_use.remove(line)
            self._free.release()

    async def _acquire(self) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise AnswererFailed(
                f"{self._answerer}: all {self.lines_max} connections have been in use for "
                f"{self._wait_seconds:g} s (connections_max)",
                answerer=self._answerer,
                ailment=Lost.BUSY,
            ) from error
        finally:
            self.waiting -= 1
