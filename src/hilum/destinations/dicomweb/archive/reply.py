"""An answer whose head is here; its body is read piece by piece, each with a deadline."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import aiohttp

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.pool import Line
from hilum.destinations.http.content_coding import Unfolding
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.filled import Filled

Piece = bytes | Filled

# Longer pieces would each be fresh memory of the system's, which costs more than all else about
# them (see `service.worker`).
_PIECE_BYTES: Final = 192 << 10


class Response(Protocol):
    """An answer as it comes over whichever connection."""

    @property
    def status(self) -> int:
        """Give its status."""
        ...

    def header(self, name: str) -> str:
        """Give a header by its name in lower case; empty when it is not there."""
        ...

    def all_of(self, name: str) -> Sequence[str]:
        """Give every line of a header."""
        ...

    async def read(self) -> Piece:
        """Give the next bytes of the body, which stay as they are; nothing is its end.

        Raises:
            TimeoutError: it stands still; aiohttp.ClientError, OSError, ValueError: it was cut.
        """
        ...

    def close(self) -> None:
        """End it; what is left of it is not waited for."""
        ...


class Pooled:
    """An answer over a connection that is used again, once the answer was read to its end."""

    def __init__(self, response: aiohttp.ClientResponse, stall_seconds: float) -> None:
        self.status = response.status
        self._response = response
        self._stall_seconds = stall_seconds
        self._is_chunked = "Transfer-Encoding" in response.headers

    def header(self, name: str) -> str:
        """Give a header; empty when it is not there."""
        return self._response.headers.get(name, "")

    def all_of(self, name: str) -> Sequence[str]:
        """Give every line of a header."""
        return self._response.headers.getall(name, ())

    async def read(self) -> bytes:
        """Give a piece as it was received; of a chunked body several, which may be short."""
        content = self._response.content
        async with asyncio.timeout(self._stall_seconds):
            if self._is_chunked:
                return await content.read(_PIECE_BYTES)
            return (await content.readchunk())[0]

    def close(self) -> None:
        """Give the connection back, or close it."""
        self._response.close()


class Reply:
    """A success. `media_type`: its Content-Type as it stands, "" when there is none."""

    def __init__(
        self,
        answerer: str,
        place: str,
        response: Response,
        line: Line,
        stall_seconds: float,
    ) -> None:
        self.status = response.status
        self.media_type = response.header("content-type")
        self.location = response.header("content-location")
        self.warnings = tuple(response.all_of("warning"))
        self._answerer = answerer
        self._place = place
        self._response = response
        self._line = line
        self._stall_seconds = stall_seconds

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body as `as_it_lies` does, in bytes."""
        async for piece in self.as_it_lies():
            yield bytes(piece)

    async def as_it_lies(self) -> AsyncIterator[Piece]:
        """Give the body as it comes, unfolded. Raises AnswererFailed: it was cut, or stands still.

        A body that ends early although its head said how long it is was cut.
        """
        coding = self._response.header("content-encoding").strip().lower()
        try:
            unfolding = Unfolding(coding) if coding not in {"", "identity"} else None
            while piece := await self._read():
                for one in unfolding.feed(bytes(piece)) if unfolding else (piece,):
                    yield one
            if unfolding:
                unfolding.finish()
        except RemoteProtocolError as error:
            raise ailing.broken(self._answerer, self._place, str(error)) from error

    async def whole(self, limit: int) -> bytes:
        """Give all of a body that has at most `limit` bytes. Raises AnswererFailed."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit:
                reason = f"its answer has more than {limit} bytes"
                raise ailing.broken(self._answerer, self._place, reason)
            pieces.append(piece)
        return b"".join(pieces)

    async def _read(self) -> Piece:
        """Give what has come; empty at the end."""
        try:
            piece = await self._response.read()
        except TimeoutError as error:
            reason = f"nothing more of its answer came within {self._stall_seconds:g} s"
            raise ailing.late(self._answerer, self._place, reason) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ailing.of_error(self._answerer, self._place, error) from error
        self._line.bytes_in += len(piece)
        return piece
