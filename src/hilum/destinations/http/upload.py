"""A request body that is read from somewhere while it is sent, through one or two buffers."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from hilum.kernel.errors import LocalProtocolError, Unreachable
from hilum.pipeline.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

# Large enough that a usual image is one write and that the socket has work while the next is read.
# Measured against 128 KiB: half as fast again for images of 0.5 and 30 MB.
CHUNK_BYTES: Final = 1024 * 1024


class Source(Protocol):
    """Where the bytes of a body come from."""

    size: int

    def read_into(self, buffer: memoryview) -> int:
        """Fill the beginning of `buffer`; 0 is the end. May raise whatever `failure` keeps."""
        ...


class UploadBody(aiohttp.Payload):
    """The body of one request (`client.Body`). It can be sent once."""

    def __init__(
        self,
        source: Source,
        reading: Reading,
        *,
        place: str,
        stall_seconds: float,
        is_chunked: bool = False,
    ) -> None:
        super().__init__(source)
        self.payload: aiohttp.Payload = self
        self.is_sent = False
        self.sent: Callable[[], None] = _nothing
        # What ended it on our side: the caller asks for it when the request fails.
        self.failure: Exception | None = None
        self._source = source
        self._reading = reading
        self._place = place
        self._stall_seconds = stall_seconds
        self._size = None if is_chunked else source.size
        self._is_over = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send it all; `content_length` is our own size again."""
        del content_length
        await self.write(writer)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it all, as fast as the other side takes it."""
        if self._is_over or not self._idle.is_set():
            raise LocalProtocolError("a body that was sent is sent again")
        self._idle.clear()
        try:
            await self._write(writer)
            self.is_sent = True
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._idle.set()
            self._is_over = True
        self.sent()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Give nothing: it is not for reading."""
        del encoding, errors
        raise LocalProtocolError("the body of an upload is not text")

    async def settled(self) -> None:
        """Wait until nobody reads or writes any more; from now on nobody will."""
        self._is_over = True
        await self._idle.wait()

    async def _write(self, writer: AbstractStreamWriter) -> None:
        length = min(CHUNK_BYTES, left := self._source.size)
        buffer = memoryview(bytearray(length))
        while left and (count := await self._read(buffer)):
            left -= count
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await writer.write(buffer[:count])
            except TimeoutError as error:
                raise Unreachable(
                    f"{self._place} took nothing of what we sent within {self._stall_seconds:g} s"
                ) from error
            if left and _is_in_use(writer):
                buffer = memoryview(bytearray(length))

    async def _read(self, buffer: memoryview) -> int:
        return await self._reading.call(partial(self._source.read_into, buffer))


def _is_in_use(writer: AbstractStreamWriter) -> bool:
    """Tell whether the transport may still hold the buffer that was written last."""
    transport = getattr(writer, "transport", None)
    return transport is None or transport.get_write_buffer_size() > 0


def _nothing() -> None:
    pass
