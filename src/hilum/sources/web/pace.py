"""A body that must come at some pace: nobody makes us wait for ever, and a slow disk is no sin."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from hilum.dicomweb.refusal import RequestRefused
from hilum.kernel.clock import Clock

# What was not read of a body would be taken for the next request.
CLOSE: Final = {"Connection": "close"}
# Shorter pieces are put together: each costs memory of its own while it waits for the disk.
_PIECE_BYTES_MIN: Final = 4 << 10


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest client that we wait for, averaged over a body, once `grace_seconds` are gone.

    No minimum (0): it is waited for as long as it likes.
    """

    bytes_per_second_min: int = 1024
    grace_seconds: float = 30.0

    def seconds_left(self, waited: float, taken: int) -> float | None:
        """Tell for how long more may be waited after so many seconds and bytes; None: for ever."""
        if not self.bytes_per_second_min:
            return None
        return self.grace_seconds + taken / self.bytes_per_second_min - waited


async def paced(body: AsyncIterator[bytes], pace: Pace, clock: Clock) -> AsyncIterator[bytes]:
    """Give the pieces of a body; only time that the client lets us wait counts.

    Raises:
        RequestRefused: 408, it is too slow.
        ClientGone: it went away.
    """
    waited, taken = 0.0, 0
    short = bytearray()
    while True:
        begun = clock.monotonic()
        try:
            async with asyncio.timeout(pace.seconds_left(waited, taken)):
                piece = await anext(body)
        except StopAsyncIteration:
            break
        except TimeoutError as error:
            raise RequestRefused(
                408, f"the body is slower than {pace.bytes_per_second_min} bytes a second", CLOSE
            ) from error
        waited += clock.monotonic() - begun
        taken += len(piece)
        if short or len(piece) < _PIECE_BYTES_MIN:
            short += piece
            if len(short) >= _PIECE_BYTES_MIN:
                yield bytes(short)
                short.clear()
        else:
            yield piece
    if short:
        yield bytes(short)
