"""One GET over a connection of its own, for answers that are long: pieces come as they were read.

A client for everything costs a long body as much as all that is done with it afterwards. Here only
the head and chunks are parsed; any other body is handed on where it lies after it was read.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import SplitResult

import aiohttp
import httptools

from hilum.destinations.blocks import ROOM_BYTES_MIN, Block, BlockPool
from hilum.destinations.http.wire import NO_HTTP, lines_of, target_of
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.filled import Filled

# Headers longer than this are no headers.
_HEADER_BYTES_MAX: Final = 64 << 10
# What may wait for who reads: beyond it the server is kept waiting, below the other it goes on.
_AHEAD_BYTES_MAX: Final = 1 << 20
_AHEAD_BYTES_LOW: Final = 256 << 10
_INFORMATIONAL: Final = range(100, 200)


class Download(asyncio.BufferedProtocol):
    """One request and its answer; `close` ends it, at any time."""

    def __init__(
        self, place: str, blocks: BlockPool, *, response_seconds: float, stall_seconds: float
    ) -> None:
        """Make it, to be connected: so long it waits for the head, and for more of the body."""
        self._place = place
        self._blocks = blocks
        self._block: Block | None = None
        self._response_seconds = response_seconds
        self.status = 0
        self._headers: dict[str, list[str]] = {}  # their names in lower case
        self._stall_seconds = stall_seconds
        self._transport: asyncio.Transport | None = None
        # It knows us: two that know each other wait for the garbage collector.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._header_bytes = 0
        self._has_head = self._is_plain = self._is_over = self._is_closed = False
        self._is_paused = self._is_suspected = False
        self._left: int | None = None  # of a plain body; None: it ends with the connection
        self._parsed: list[bytes] = []
        self._pieces: deque[bytes | Filled] = deque()
        self._held_bytes = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    async def ask(self, address: SplitResult, headers: Mapping[str, str]) -> None:
        """Send the request, and wait for the head of its answer.

        Raises:
            RemoteProtocolError: it is not HTTP; aiohttp.ClientError, OSError: there is none;
            TimeoutError: not in time; ValueError: a header would become two.
        """
        head = _head_of(address, headers)
        if self._transport is not None:
            self._transport.write(head)
        self._watch(self._response_seconds)
        while not (self._has_head or self._is_over):
            await self._news()
        if not self._has_head:
            raise self._error or aiohttp.ServerDisconnectedError

    def header(self, name: str) -> str:
        """Give a header by its name in lower case; empty when it is not there."""
        return next(iter(self.all_of(name)), "")

    def all_of(self, name: str) -> Sequence[str]:
        """Give every line of a header."""
        return self._headers.get(name, ())

    async def read(self) -> bytes | Filled:
        """Give the next bytes of the body, which stay as they are; nothing is its end.

        Raises:
            TimeoutError: it stands still; aiohttp.ClientError, OSError: it was cut.
        """
        while not self._pieces and not self._is_over:
            self._watch(self._stall_seconds)
            await self._news()
        if self._pieces:
            piece = self._pieces.popleft()
            self._held_bytes -= len(piece)
            if self._is_paused and self._held_bytes <= _AHEAD_BYTES_LOW:
                self._go_on()
            return piece
        if self._error is not None:
            raise self._error
        return b""

    def close(self) -> None:
        """End it, whatever is under way."""
        self._end(None)
        self._parser = None
        self._is_closed = True
        if self._block is not None:
            self._blocks.give_back(self._block)
            self._block = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._transport is not None:
            self._transport.abort()

    # ---- what the loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # Those of uvloop are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give where to read into next."""
        del sizehint  # what would be best for who asks, not what comes
        if self._is_closed:
            return memoryview(bytearray(ROOM_BYTES_MIN))
        if self._block is None:
            self._block = self._blocks.lend()
        elif self._block.left < ROOM_BYTES_MIN:
            self._block = self._blocks.next()
        return self._block.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        self._is_suspected = False
        if self._is_over or self._block is None:
            return  # what stands behind the end is of no use to anybody
        data = self._block.taken(nbytes)
        if self._is_plain:
            self._take_plain(data)
        else:
            self._parse(data.view)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; a body whose end is the end of the connection is complete."""
        self._transport = None
        is_whole = exc is None and self._is_plain and self._left is None
        if self._has_head and not is_whole:
            exc = exc or aiohttp.ClientPayloadError("the connection ended before the body did")
        self._end(exc)

    # ---- what the parser calls -------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if self._is_over:
            return  # some servers send a second answer when they close a connection
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES_MAX:
            raise httptools.HttpParserError("too many headers")
        known = self._headers.setdefault(name.decode("latin-1").lower(), [])
        known.append(value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        """Take the status, and learn how the body is framed."""
        assert self._parser is not None  # noqa: S101 - it calls us
        if self._is_over:
            return
        self.status = self._parser.get_status_code()
        if self.status in _INFORMATIONAL:
            return
        self._has_head = True
        self._is_plain = not self.header("transfer-encoding")
        length = self.header("content-length")
        if length and self._is_plain:
            self._left = int(length)  # the parser has looked at it

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._is_over:
            return
        if self._left is not None:
            self._left -= len(body)
        self._parsed.append(body)

    def on_message_complete(self) -> None:
        """End, if it is the answer: servers may say first that they go on."""
        if self._has_head:
            self._end(None)
        else:
            self._headers.clear()

    # ---- inside ----------------------------------------------------------------------------

    def _parse(self, data: memoryview) -> None:
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
            self._take_parsed()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._take_parsed()
            if self._has_head:
                self._end(aiohttp.ClientPayloadError("its chunks cannot be read"))
            else:
                self._end(RemoteProtocolError(NO_HTTP.format(self._place)))

    def _take_parsed(self) -> None:
        """Take what was between the frames, in one piece: chunks may be of a byte each."""
        if self._parsed:
            parsed, self._parsed = self._parsed, []
            self._take(b"".join(parsed))

    def _take_plain(self, data: Filled) -> None:
        if self._left is not None:
            if len(data) > self._left:
                data = data.first(self._left)
            self._left -= len(data)
        self._take(data)
        if self._left == 0:
            self._end(None)

    def _take(self, piece: bytes | Filled) -> None:
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > _AHEAD_BYTES_MAX and not self._is_paused and self._transport:
            self._is_paused = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        self._is_paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _end(self, error: Exception | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._error = error
        self._wake()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch(self, seconds: float) -> None:
        """Have an eye on the time; one alarm follows what comes, it is not set for each piece."""
        self._until = asyncio.get_running_loop().time() + seconds
        if self._alarm is None or self._alarm.when() > self._until:
            self._set_alarm(self._until)

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when, self._look)

    def _look(self) -> None:
        """Look whether it is late: twice, since what came while we were busy is read first."""
        self._alarm = None
        now = asyncio.get_running_loop().time()
        if self._waiter is None:
            return
        if now < self._until:
            self._set_alarm(self._until)
        elif self._is_suspected:
            self._end(TimeoutError())
        else:
            self._is_suspected = True
            self._set_alarm(now)


def _head_of(address: SplitResult, headers: Mapping[str, str]) -> bytes:
    """Write the head of a GET. Raises ValueError: a header that would become two."""
    lines = lines_of("GET", target_of(address), address.netloc, headers)
    return "\r\n".join([*lines, "Connection: close\r\n\r\n"]).encode()
