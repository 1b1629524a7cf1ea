"""A connection of our own for requests whose body is at hand: few writes, and an answer at once.

A client for everything costs such a request as much as its bytes do. Here the pieces of the body
leave as they lie, and the answer is read by the parser as it comes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import SplitResult, urlunsplit

import aiohttp
import httptools

from hilum.kernel.errors import RemoteProtocolError, Unreachable

Pieces = Sequence[bytes | memoryview]

# Headers longer than this are no headers.
_HEADER_BYTES_MAX: Final = 64 << 10
_INFORMATIONAL: Final = range(100, 200)


class WireAnswer:
    """What came back, as far as it came."""

    __slots__ = ("body", "fault", "headers", "size", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.size = 0
        self.fault = ""


class Wire(asyncio.Protocol):
    """One HTTP/1.1 connection; one request at a time. Whoever ends early aborts it.

    `place` is for messages. What was not sent when it is aborted is never sent.
    """

    def __init__(self, place: str, answer_bytes_max: int) -> None:
        self.place = place
        self._answer_bytes_max = answer_bytes_max
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer = WireAnswer()
        self._header_bytes = 0
        self._has_headers = False
        self._keeps_open = False
        self.has_sent_all = False
        self._answered: asyncio.Future[WireAnswer] | None = None
        self._drained = asyncio.Event()
        self._closing: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether a request can be sent now."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(
        self, pieces: Pieces, *, stall_seconds: float, response_seconds: float
    ) -> WireAnswer:
        """Send a request, and give its answer.

        Raises:
            Unreachable: it was not taken or not answered in time; RemoteProtocolError: it was
            answered by something that is not HTTP.
            aiohttp.ClientError, OSError: the connection ended.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        self._begin()
        loop = asyncio.get_running_loop()
        answered = self._answered = loop.create_future()
        try:
            transport.writelines(pieces)
            await self._send_all(transport, answered, stall_seconds)
            self.has_sent_all = not transport.get_write_buffer_size()
            # asyncio.timeout costs as much as reading the answer.
            deadline = loop.call_later(response_seconds, self._expire, response_seconds)
            try:
                answer: WireAnswer = await answered
                return answer
            finally:
                deadline.cancel()
        finally:
            self._answered = None
            is_answered = answered.done() and not answered.cancelled()
            if not is_answered or answered.exception() is not None or not self._is_kept():
                self.abort()

    def rest(self, seconds: float) -> None:
        """Close it unless it is used within that time."""
        self._closing = asyncio.get_running_loop().call_later(seconds, self.close)

    def close(self) -> None:
        """End it; nothing is under way."""
        self._wake()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it now, whatever is under way."""
        self._wake()
        if self._transport is not None:
            self._transport.abort()

    # ---- what the loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; every byte that the socket does not take at once counts as not sent."""
        # Those of uvloop are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Note that something is left."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """Note that all is sent."""
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        """Read what comes."""
        answered = self._answered
        if answered is None or answered.done() or self._parser is None:
            self.abort()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(RemoteProtocolError(NO_HTTP.format(self.place)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; an answer whose end is the end of the connection is complete."""
        self._transport = None
        self._wake()
        if self._has_headers and self._answered is not None:
            if exc is not None or self._is_bounded():
                self._answer.fault = "its body was cut, or cannot be decoded"
            self._settle()
        else:
            self._fail(exc or aiohttp.ServerDisconnectedError())

    # ---- what the parser calls -------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES_MAX:
            raise httptools.HttpParserError("too many headers")
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")

    def on_headers_complete(self) -> None:
        """Take the status."""
        assert self._parser is not None  # noqa: S101 - it calls us
        self._answer.status = self._parser.get_status_code()
        self._has_headers = self._answer.status not in _INFORMATIONAL

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        answer = self._answer
        answer.size += len(body)
        if answer.size <= self._answer_bytes_max:
            answer.body.append(body)
        elif not answer.fault:
            answer.fault = f"its body has more than {self._answer_bytes_max} bytes"
            self._settle()

    def on_message_complete(self) -> None:
        """Give the answer, if it is one: servers may say first that they go on."""
        if self._has_headers:
            assert self._parser is not None  # noqa: S101 - it calls us
            # One that was settled before was too long, or there is a second one.
            self._keeps_open = not self._is_settled and self._parser.should_keep_alive()
            self._settle()
        self._answer = WireAnswer()  # whatever follows is not this answer

    # ---- inside ------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._wake()
        self._parser = httptools.HttpResponseParser(self)
        self._answer = WireAnswer()
        self._header_bytes = 0
        self._has_headers = self._keeps_open = self.has_sent_all = False
        self._drained.set()

    async def _send_all(
        self,
        transport: asyncio.Transport,
        answered: "asyncio.Future[WireAnswer]",
        stall_seconds: float,
    ) -> None:
        """Wait until the socket has taken all, or the server has answered before that."""
        if self._drained.is_set() and not transport.get_write_buffer_size():
            return
        answered.add_done_callback(lambda _: self._drained.set())
        left = -1
        while not answered.done() and left != (left := transport.get_write_buffer_size()) and left:
            self._drained.clear()
            try:
                async with asyncio.timeout(stall_seconds):
                    await self._drained.wait()
            except TimeoutError:
                continue
        if left and not answered.done() and transport.get_write_buffer_size() == left:
            words = f"took nothing of what we sent within {stall_seconds:g} s"
            raise Unreachable(f"{self.place} {words}")

    def _is_kept(self) -> bool:
        """Tell whether the connection is good for another request."""
        return self.has_sent_all and self._keeps_open

    @property
    def _is_settled(self) -> bool:
        return self._answered is None or self._answered.done()

    def _is_bounded(self) -> bool:
        headers = self._answer.headers
        return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "")

    def _settle(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(self._answer)

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)

    def _expire(self, seconds: float) -> None:
        self._fail(Unreachable(f"{self.place}: no complete answer within {seconds:g} s"))

    def _wake(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


NO_HTTP: Final = "{} answered something that is not HTTP; is the URL right?"


def target_of(address: SplitResult) -> str:
    """Give what stands in a request line."""
    return urlunsplit(("", "", address.path or "/", address.query, ""))


def lines_of(method: str, target: str, host: str, headers: Mapping[str, str]) -> list[str]:
    """Write the lines of a head. Raises ValueError: a header that would become two."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("a header has a line break")
    return lines


def head_of(target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """Write the head of a POST. Raises ValueError: a header that would become two."""
    lines = lines_of("POST", target, host, headers)
    return "\r\n".join([*lines, f"Content-Length: {length}\r\n\r\n"]).encode()
