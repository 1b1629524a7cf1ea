"""Reads a supply ahead of who uses it, so that what is here already goes on together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from hilum.pipeline.archive.ports import Holding, Missing, Supply

# Read ahead, and given at one time: a supply keeps the payloads of all of these.
BATCH_MAX: Final = 32


async def batches(supply: Supply) -> AsyncIterator[list[Holding | Missing]]:
    """Give what has come since the last time, at least one. Raises as the supply does."""
    come: asyncio.Queue[Holding | Missing | None] = asyncio.Queue(BATCH_MAX)
    reading = asyncio.get_running_loop().create_task(_read(supply, come))
    try:
        while (one := await come.get()) is not None:
            batch = [one]
            is_last = False
            while len(batch) < BATCH_MAX and not come.empty() and not is_last:
                following = come.get_nowait()
                is_last = following is None
                if following is not None:
                    batch.append(following)
            yield batch
            if is_last:
                break
        await reading
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({reading})


async def _read(supply: Supply, come: "asyncio.Queue[Holding | Missing | None]") -> None:
    try:
        async for one in supply:
            await come.put(one)
    finally:
        # Cancelled, nobody reads any more, and there may be no room.
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            await come.put(None)
