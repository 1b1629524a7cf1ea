"""The batches of a search, of which the next one can be waited for for a while only."""

import asyncio
from collections.abc import AsyncIterator

from hilum.pipeline.archive.ports import Batch
from hilum.sources.web.lists import close


class Batches:
    """One search; closed by whoever has it."""

    def __init__(self, found: AsyncIterator[Batch]) -> None:
        self._found = found
        self._coming: asyncio.Task[Batch | None] | None = None

    async def next(self) -> Batch | None:
        """Give the next one; None: there is none. Raises what the search raises."""
        if self._coming is None:
            return await anext(self._found, None)
        batch = await self._coming
        self._coming = None
        return batch

    async def comes_within(self, seconds: float) -> bool:
        """Tell whether `next` has to be waited for no longer than this."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._next())
        done, _ = await asyncio.wait((self._coming,), timeout=max(seconds, 0.0))
        return bool(done)

    async def aclose(self) -> None:
        """End the search."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await close(self._found)

    async def _next(self) -> Batch | None:
        return await anext(self._found, None)
