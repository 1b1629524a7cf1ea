"""What an answer is written through: its head leaves together with what follows it at once.

uvicorn writes the head by itself, which costs a system call, and wakes the client for nothing.
"""

import asyncio


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
