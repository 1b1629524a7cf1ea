"""Sends parts of files over a connection without a copy of ours: the kernel takes them as they lie.

Stands beside a transport that writes everything else: a file goes when all before it has left.
"""

import asyncio
import os
import sys
from functools import partial
from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.segments import Lying
from hilum.pipeline.reading import Reading

# Taken at once: some images are a little longer than half of it, a socket has not much more room,
# and others have their turn on the loop.
_AT_ONCE: Final = 1 << 20
_CLOSED: Final = -1


def can_take_files(transport: asyncio.Transport) -> bool:
    """Tell whether what is sent over a connection may come straight from a file."""
    is_plain = transport.get_extra_info("ssl_object") is None
    return sys.platform == "linux" and is_plain and transport.get_extra_info("socket") is not None


class FileSender:
    """Sends over one connection; closed with it."""

    def __init__(self, transport: asyncio.Transport, *, stall_seconds_max: float) -> None:
        self._transport = transport
        self._stall_seconds_max = stall_seconds_max
        self._reading = Reading()
        self._descriptor = _CLOSED  # of our own: the loop lets nobody watch one of a transport
        self._room: asyncio.Future[None] | None = None
        self._is_taking = self._is_closed = False

    async def send(self, cycle: RequestResponseCycle, piece: Lying) -> None:
        """Send a piece as a part of the body of `cycle`. What a client that is gone gets is lost.

        Raises:
            CorruptPayload: its file is shorter.
            OSError: it cannot be read.
        """
        at, end = piece.position, piece.position + piece.size
        while at < end and not self._is_over(cycle):
            if self._transport.get_write_buffer_size():
                await asyncio.sleep(0)  # written by the loop before it waits again
                if self._transport.get_write_buffer_size():
                    await self._until_room()
                continue
            sent = await self._take(piece.descriptor, at, min(_AT_ONCE, end - at))
            if sent is None:
                await self._until_room()
                continue
            if not sent:
                raise CorruptPayload("the payload is shorter than what was to be read of it")
            at += sent
            cycle.expected_content_length -= sent
            if at < end:
                await asyncio.sleep(0)
        if at < end:
            # What would still be sent must not be taken for the rest of this answer.
            cycle.disconnected = True

    def close(self) -> None:
        """The connection is over."""
        self._stop_waiting()
        self._is_closed = True
        if not self._is_taking:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _is_over(self, cycle: RequestResponseCycle) -> bool:
        return cycle.disconnected or self._transport.is_closing()

    async def _take(self, descriptor: int, position: int, size: int) -> int | None:
        """Hand over what the socket has room for; None: it has none."""
        self._is_taking = True
        try:
            take = partial(_sent, self._opened(), descriptor, position, size)
            return await self._reading.call(take)
        except ConnectionError:
            self._transport.abort()
            return None
        finally:
            # A thread may be at it: its number must not be another connection's meanwhile.
            self._is_taking = False
            if self._is_closed:
                self._let_go()

    def _opened(self) -> int:
        if self._descriptor == _CLOSED:
            self._descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
        return self._descriptor

    async def _until_room(self) -> None:
        """Wait until the socket takes more, or the connection is over."""
        if self._transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        self._room = loop.create_future()
        loop.add_writer(self._opened(), self._stop_waiting)
        stalled = loop.call_later(self._stall_seconds_max, self._transport.abort)
        try:
            await self._room
        finally:
            stalled.cancel()
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            asyncio.get_running_loop().remove_writer(self._descriptor)
            if not room.done():
                room.set_result(None)


def _sent(sock: int, descriptor: int, position: int, size: int) -> int | None:
    try:
        return os.sendfile(sock, descriptor, position, size)
    except BlockingIOError:
        return None
