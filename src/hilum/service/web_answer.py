"""What an answer is written through: its head leaves together with what follows it at once.

uvicorn writes the head by itself, which costs a system call, and wakes the client for nothing.
Bytes in several places it would join, and take one by one.
"""

import asyncio
from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hilum.pipeline.archive.segments import Scattered


class OutgoingAnswer:
    """Stands before `transport` for one answer; knows as much of a transport as uvicorn uses."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None  # None: not written yet; b"": on its way

    def write(self, data: bytes) -> None:
        """Write; what is written first waits until this turn of the loop is over."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self.flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Write in one go."""
        head, self._head = self._head, b""
        self._transport.writelines((head, *parts) if head else parts)

    def close(self) -> None:
        """Close when all is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether nothing can be written any more."""
        return self._transport.is_closing()

    def flush(self) -> None:
        """Write a head that is still kept back."""
        if self._head:
            head, self._head = self._head, b""
            if not self._transport.is_closing():  # since it was kept back
                self._transport.write(head)


async def send_scattered(
    cycle: RequestResponseCycle, answer: OutgoingAnswer, piece: Scattered
) -> None:
    """Send a piece as a part of the body of `cycle`. What a client that is gone gets is lost.

    When this returns the transport has taken it, but for a little: whoever holds the memory does
    not let go of an image for each slow client.
    """
    await cycle.flow.drain()
    if cycle.disconnected:
        return
    if cycle.chunked_encoding:
        answer.writelines((b"%x\r\n" % piece.size, *piece.parts, b"\r\n"))
    else:
        cycle.expected_content_length -= piece.size
        answer.writelines(piece.parts)
    await cycle.flow.drain()
