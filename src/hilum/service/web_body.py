"""The body of one request between the socket and the application, without a copy where it is large.

uvicorn holds 64 KB of a body and copies it four times on the way: more than storing it costs.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hilum.kernel.filled import Filled

# So much waits for the application before the socket is left alone: to leave and to find it again
# costs more than to copy a CT image, which fits. One read may come on top (256 KB with uvloop).
HELD_BYTES_MAX: Final = 768 * 1024
# Shorter pieces are put together: each costs a message, and memory of its own.
PIECE_BYTES_MIN: Final = 32 * 1024

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def _nothing() -> None:
    """Stands for a socket that somebody else reads."""


class IncomingBody:
    """Takes what the socket brings, and is what the application of `cycle` receives.

    `read_on` takes what the socket has already: to wait for it costs a turn of the loop.
    """

    __slots__ = ("_cycle", "_flow", "_has_told_end", "_held", "_pieces", "_read_on", "_transport")

    def __init__(
        self,
        cycle: RequestResponseCycle,
        flow: FlowControl,
        transport: asyncio.WriteTransport,
        read_on: Callable[[], None] = _nothing,
    ) -> None:
        self._cycle = cycle
        self._flow = flow
        self._transport = transport
        self._read_on = read_on
        self._pieces: deque[bytes | bytearray | Filled] = deque()
        self._held = 0
        self._has_told_end = False

    def take(self, piece: bytes | Filled) -> None:
        """Take the next bytes. After the answer nobody wants them."""
        if self._cycle.response_complete:
            return
        last = self._pieces[-1] if self._pieces else b""
        if isinstance(last, bytearray) and len(last) < PIECE_BYTES_MIN:
            last += bytes(piece)
        else:
            is_long = len(piece) >= PIECE_BYTES_MIN
            self._pieces.append(piece if is_long else bytearray(bytes(piece)))
        self._held += len(piece)
        if self._held >= HELD_BYTES_MAX:
            self._flow.pause_reading()
        self._cycle.message_event.set()

    async def receive(self) -> dict[str, Any]:  # a message of ASGI
        """Give what there is, or wait for it."""
        message = await self.receive_as_it_lies()
        if isinstance(message.get("body"), Filled):
            message["body"] = bytes(message["body"])
        return message

    async def receive_as_it_lies(self) -> dict[str, Any]:
        """Do the same, but what is in a body may be `Filled`."""
        cycle = self._cycle
        self._consent()
        while not self.is_here():
            self._flow.resume_reading()
            cycle.message_event.clear()
            await cycle.message_event.wait()
        if self._is_over:
            return {"type": "http.disconnect"}
        content = self._next_piece()
        more = cycle.more_body or bool(self._pieces)
        self._has_told_end = not more
        return {"type": "http.request", "body": content, "more_body": more}

    def forget(self) -> None:
        """Give up what is held, if the answer is complete: the connection may be kept for long."""
        if self._cycle.response_complete:
            self._pieces.clear()
            self._held = 0

    def is_here(self) -> bool:
        """Tell whether `receive` would give something at once."""
        if not self._gives():
            self._read_on()
        return self._gives()

    def _gives(self) -> bool:
        return self._is_over or self._has_news

    @property
    def _is_over(self) -> bool:
        return self._cycle.disconnected or self._cycle.response_complete

    @property
    def _has_news(self) -> bool:
        return bool(self._pieces) or not (self._cycle.more_body or self._has_told_end)

    def _next_piece(self) -> bytes | Filled:
        """Take a piece out; it may be empty at the end."""
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._held -= len(piece)
        if self._held < HELD_BYTES_MAX:
            self._flow.resume_reading()
        return bytes(piece) if isinstance(piece, bytearray) else piece

    def _consent(self) -> None:
        """Tell a client that waits for it to send its body (RFC 9110 §10.1.1)."""
        if self._cycle.waiting_for_100_continue and not self._transport.is_closing():
            self._transport.write(CONTINUE)
            self._cycle.waiting_for_100_continue = False
