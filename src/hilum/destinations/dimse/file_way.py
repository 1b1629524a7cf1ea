"""Sends data sets that lie in files past the transport: the kernel takes their pages as they are.

Nothing is read into our memory and nothing copied out of it again. The transport of the association
still writes everything else; a file goes when all before it has left.
"""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.segments import Lying
from hilum.pipeline.reading import Reading
from hilum.pipeline.shortcomings import shortcoming

Bytes = bytes | bytearray | memoryview
# Each fragment of a file costs two calls of the system, which pay when they save enough copying.
FILE_FRAGMENT_BYTES_MIN: Final = 48 * 1024
# The kernel takes longer for this than a thread is woken, and the loop goes on with what comes in.
_THREAD_BYTES_MIN: Final = 256 * 1024
# A peer that takes whatever comes must not keep the loop for as long as a file is.
_TURN_BYTES_MAX: Final = 4 * 1024 * 1024
# What comes of a file and not of a socket, when one call may fail because of either.
_OF_FILES: Final = (errno.EIO, errno.ESTALE, errno.EBADMSG, errno.ENXIO)


def has_file_way(transport: asyncio.BaseTransport) -> bool:
    """Tell whether what is sent over a connection may come straight from a file."""
    is_plain = transport.get_extra_info("sslcontext") is None
    return sys.platform == "linux" and is_plain and transport.get_extra_info("socket") is not None


class FileWay:
    """The way for files beside the transport of one connection; closed with it."""

    def __init__(self, transport: asyncio.BaseTransport, wake: Callable[[], None]) -> None:
        """Take the transport beside which files go, and what wakes who waits for `room`."""
        # A descriptor of our own: the loop lets nobody watch one of a transport.
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._wake = wake
        self._reading = Reading()
        # The socket has a part of a message, and nothing else may follow: a peer would take it for
        # the rest of a fragment, and what is too short for a whole instance.
        self.is_amid = False
        self._is_busy = False
        self._is_closing = False

    async def send(
        self,
        parts: Sequence[Bytes],
        headers: Iterable[tuple[bytes, int]],
        lying: Lying,
        *,
        room: Callable[[], Awaitable[None]],
        is_beside: bool,
    ) -> None:
        """Send `parts`, and the file behind them with its headers; `room` waits for any progress.

        `is_beside`: a thread does it if it is long. That is slower where the loop has nothing else
        to do.

        Raises:
            Spoiled, Full: the file, as for any payload.
            OSError: the socket.
            And what `room` raises.
        """
        rest = _Rest(self._socket, b"".join(parts), iter(headers), lying)
        self._is_busy = self.is_amid = True
        try:
            while not await self._reading.call(rest.send, is_long=is_beside and rest.is_long):
                await self._until(room)
            self.is_amid = False
        except (CorruptPayload, OSError) as error:
            if isinstance(error, CorruptPayload) or error.errno in _OF_FILES:
                raise shortcoming(error) from error
            raise
        finally:
            self._is_busy = False
            if self._is_closing:
                self._socket.close()

    def close(self) -> None:
        """Let go of the socket, as soon as no thread uses it."""
        self._is_closing = True
        if not self._is_busy:
            self._socket.close()

    async def _until(self, room: Callable[[], Awaitable[None]]) -> None:
        """Wait with `room` for whatever happens, room in the socket being a part of it."""
        loop, descriptor = asyncio.get_running_loop(), self._socket.fileno()
        loop.add_writer(descriptor, self._wake)
        try:
            await room()
        finally:
            loop.remove_writer(descriptor)


class _Rest:
    """What is left of one message."""

    def __init__(
        self, sock: socket.socket, head: bytes, headers: Iterator[tuple[bytes, int]], lying: Lying
    ) -> None:
        self._socket = sock
        self._descriptor = sock.fileno()
        self._headers = headers
        self._lying = lying
        self._position = lying.position
        self._head = memoryview(head)
        self._left = 0  # of the fragment whose header is in `_head`, or was
        self._take_header()

    @property
    def is_long(self) -> bool:
        """Whether to send it would hold up the loop for longer than a thread costs."""
        return self._lying.position + self._lying.size - self._position >= _THREAD_BYTES_MIN

    def send(self) -> bool:
        """Send what the socket has room for, up to a turn's worth; tell whether that was all."""
        until = self._position + _TURN_BYTES_MAX
        try:
            while self._position < until:
                while self._head:
                    # It leaves together with what follows.
                    sent = self._socket.send(self._head, socket.MSG_MORE)
                    self._head = self._head[sent:]
                while self._left:
                    self._send_file()
                if not self._take_header():
                    return True
        except BlockingIOError:
            pass
        return False

    def _send_file(self) -> None:
        sent = os.sendfile(self._descriptor, self._lying.descriptor, self._position, self._left)
        if not sent:
            raise CorruptPayload("the file ends before its payload does")
        self._position += sent
        self._left -= sent

    def _take_header(self) -> bool:
        header, self._left = next(self._headers, (b"", 0))
        if header:
            self._head = memoryview(bytes(self._head) + header)
        return bool(header)
