"""What an answer is written through: what is short leaves together with what follows it at once.

uvicorn writes each piece by itself, and the head before all: each costs a system call, and wakes
the client for nothing.
"""

import asyncio
from typing import Final

# More than this leaves as it comes: then it is worth a system call.
HELD_BYTES_MAX: Final = 64 << 10


class OutgoingAnswer:
    """Stands before `transport` for one answer; knows as much of a transport as uvicorn uses."""

    __slots__ = ("_held", "_is_awaited", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        self._is_awaited = False  # the end of this turn of the loop

    def write(self, data: bytes) -> None:
        """Write; what is short waits for what follows, until this turn of the loop is over."""
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD_BYTES_MAX:
            self.flush()
        elif not self._is_awaited:
            self._is_awaited = True
            self._loop.call_soon(self._turn)

    def close(self) -> None:
        """Close when all is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether nothing can be written any more."""
        return self._transport.is_closing()

    def flush(self) -> None:
        """Write what is kept back."""
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():  # since it was kept back
                self._transport.writelines(held)

    def take(self) -> bytes:
        """Give what is kept back to who writes it in another way."""
        held, self._held, self._size = self._held, [], 0
        return b"".join(held)

    def _turn(self) -> None:
        self._is_awaited = False
        self.flush()
