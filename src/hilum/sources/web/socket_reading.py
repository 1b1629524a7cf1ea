"""Reads a connection in the place of its transport, once it brings long bodies.

A transport reads into memory of its own and copies all of it to where nothing was before: for an
image that costs as much as writing it to disk. What is read here stays where it was received.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final

from hilum.kernel.filled import Filled
from hilum.kernel.spare_memory import SpareMemory

# What one read may bring: a CT image with the head of its request is a little more than 512 KB, and
# others have their turn on the loop.
READ_BYTES_MAX: Final = 640 * 1024
# Kept for use again; more than that is given back to the system.
SPARE_MAX: Final = 16
# One client whose bytes are always there keeps the loop for so many reads, not for ever.
READS_PER_TURN: Final = 4
_CLOSED: Final = -1


def spare_memory() -> SpareMemory:
    """Make memory to read into, to be shared by the connections of a process."""
    return SpareMemory(READ_BYTES_MAX, spare_max=SPARE_MAX)


class SocketReading:
    """The reading side of one connection; pauses and goes on as that of a transport does.

    `take` is given what came. `size` says how much may be read at once, so that what comes behind
    the end of a body stays in the socket.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        *,
        memory: SpareMemory,
        take: Callable[[Filled], None],
        size: Callable[[], int],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._memory = memory
        self._take = take
        self._size = size
        self._descriptor = _CLOSED  # of our own: the loop lets nobody watch one of a transport
        self._is_paused = False
        self._is_watching = False
        self._reads_left = 0  # in this turn of the loop

    def begin(self) -> None:
        """Read here from now on, until the connection is closed."""
        if self._descriptor == _CLOSED and not self._transport.is_closing():
            self._descriptor = os.dup(self._transport.get_extra_info("socket").fileno())
            if not self._is_paused:
                self._transport.pause_reading()
                self._watch()

    def close(self) -> None:
        """The connection is over."""
        self._leave()
        if self._descriptor != _CLOSED:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._is_paused = True
        if self._descriptor == _CLOSED:
            self._transport.pause_reading()
        else:
            self._leave()

    def resume_reading(self) -> None:
        """Go on."""
        self._is_paused = False
        if self._descriptor == _CLOSED:
            self._transport.resume_reading()
        else:
            self._watch()

    def read_on(self) -> None:
        """Take what is there already, for who would wait for it: without a turn between."""
        if self._is_watching and self._reads_left:
            self._reads_left -= 1
            self._read()

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._loop.add_reader(self._descriptor, self._readable)

    def _leave(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_reader(self._descriptor)

    def _readable(self) -> None:
        self._reads_left = READS_PER_TURN
        self._read()

    def _read(self) -> None:
        if self._transport.is_closing():
            self._leave()
            return
        try:
            memory = self._memory.lend()
            room = memoryview(memory)[: self._size()]
            received = os.readv(self._descriptor, (room,))
        except BlockingIOError:
            self._reads_left = 0
            return
        except OSError:
            self._leave()
            self._transport.abort()
            return
        if received:
            self._take(Filled(memory, room[:received]))
        else:
            self._leave()
            self._transport.close()
