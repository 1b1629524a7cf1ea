"""The body of a request as it arrives: at the pace of who reads it, and no slower than allowed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.types import Receive

from hilum.dicomweb.refusal import RequestRefused
from hilum.kernel.errors import Unreachable
from hilum.kernel.filled import Filled
from hilum.sources.web.pace import CLOSE, Pace

# What is left of a refused body is read for so long, or the client would see a reset instead of
# the answer; then it sees that.
LINGER_SECONDS_MAX: Final = 5.0
LINGER_BYTES_MAX: Final = 64 << 20
# A key of a request's `state`: what tells whether the next piece of its body came already.
IS_HERE_STATE: Final = "hilum.is_here"
# Another one: receives as ASGI does, but pieces may be `Filled`.
RECEIVE_FILLED_STATE: Final = "hilum.receive_filled"


class ClientGone(Unreachable):
    """The client closed the connection before the end of its body, or of ours."""


NO_HURRY: Final = Pace(0, 0.0)


def nobody_knows() -> bool:
    """Stands for a server that cannot tell whether a piece is here."""
    return False


class ArrivingBody:
    """One body; it is read once. `is_here` tells whether the next piece needs no waiting for."""

    def __init__(
        self,
        receive: Receive,
        pace: Pace = NO_HURRY,
        is_here: Callable[[], bool] = nobody_knows,
    ) -> None:
        self._receive = receive
        self._pace = pace
        self._is_here = is_here
        self._waited = 0.0
        self.bytes = 0
        self.has_ended = False
        self.has_begun = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give it as it comes. Raises ClientGone, or RequestRefused with 408."""
        async for piece in self.as_it_lies():
            yield bytes(piece)

    async def as_it_lies(self) -> AsyncIterator[bytes | Filled]:
        """Do the same without a copy."""
        while not self.has_ended:
            piece = await self._next()
            if piece:
                yield piece

    async def drop_the_rest(self) -> None:
        """Read what nobody wants, within limits. Never raises but when cancelled."""
        end = self.bytes + LINGER_BYTES_MAX
        try:
            async with asyncio.timeout(LINGER_SECONDS_MAX):
                while not self.has_ended and self.bytes < end:
                    await self._receive_piece()
        except (ClientGone, TimeoutError):
            return

    async def until_gone(self) -> None:
        """Wait until the client closes the connection, or has been answered."""
        while (await self._receive())["type"] == "http.request":
            continue

    async def _next(self) -> bytes | Filled:
        if self._is_here():
            # A deadline costs more than such a piece.
            return await self._receive_piece()
        loop = asyncio.get_running_loop()
        began = loop.time()
        # Only our waiting counts: that we are slow to take it is no fault of the client.
        try:
            async with asyncio.timeout(self._pace.seconds_left(self._waited, self.bytes)):
                return await self._receive_piece()
        except TimeoutError:
            minimum = self._pace.bytes_per_second_min
            raise RequestRefused(
                408, f"the body is slower than {minimum} bytes a second", CLOSE
            ) from None
        finally:
            self._waited += loop.time() - began

    async def _receive_piece(self) -> bytes | Filled:
        message = await self._receive()
        if message["type"] != "http.request":
            self.has_ended = True
            raise ClientGone("the client closed the connection")
        self.has_begun = True
        self.has_ended = not message.get("more_body", False)
        piece: bytes | Filled = message.get("body", b"")
        self.bytes += len(piece)
        return piece
