"""One connection of HTTP/1.1: uvicorn's, with an end to what its client may cost.

uvicorn leaves two things open that a listener on a hospital's network cannot: the head of a request
may be endless, and may take for ever. Both are bounded here.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hilum.kernel.filled import Filled
from hilum.pipeline.archive.segments import Lying
from hilum.service.web_answer import OutgoingAnswer, send_scattered
from hilum.service.web_body import IncomingBody
from hilum.service.web_sending import FileSender, can_take_files
from hilum.sources.web.access.certificate import CERTIFICATE_STATE
from hilum.sources.web.access.https import identities_on
from hilum.sources.web.arriving_body import IS_HERE_STATE, RECEIVE_FILLED_STATE
from hilum.sources.web.door import CUT_OFF_STATE
from hilum.sources.web.exchange import (
    SEND_FILE_STATE,
    SEND_SCATTERED_STATE,
    WHEN_GONE_STATE,
)
from hilum.sources.web.settings import WebLimits
from hilum.sources.web.socket_reading import READ_BYTES_MAX, SocketReading, spare_memory

# What a request may take until its head is complete. Heads of browsers behind proxies with big
# cookies reach some 16 KB.
HEAD_BYTES_MAX: Final = 65_536
HEAD_SECONDS_MAX: Final = 10.0
# Who has so much left to send is read from without the transport; so is what comes behind it.
_LONG_BYTES: Final = 64 * 1024
# Shorter pieces are copied: each would keep all of the memory that it was read into.
_WORTH_BYTES: Final = READ_BYTES_MAX // 5
# Read at once of what only the parser understands, which copies it.
_PARSED_READ_BYTES: Final = 16 * 1024
_HEAD_END: Final = b"\r\n\r\n"

TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_CODING_TEXT: Final = b"The body has a Transfer-Encoding that is not known here; send it chunked."
_UNKNOWN_CODING: Final = (
    b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b"
)
# Where such a body ends is known or is not (RFC 9112 §6.1, §6.3).
_NOT_IMPLEMENTED: Final = b"501 Not Implemented"
_BAD_REQUEST: Final = b"400 Bad Request"


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 over one connection, with an end to what its client may cost."""

    limits: ClassVar = WebLimits()
    head_seconds_max: ClassVar = HEAD_SECONDS_MAX
    memory: ClassVar = spare_memory()

    def __init__(self, *arguments: Any, **named: Any) -> None:  # uvicorn's business
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._left = 0  # of a body whose length is known, and whose head is complete
        self._refusal = b""  # of a head that cannot be served
        self._is_between = True  # nothing has come of the next request
        self._head_timer: asyncio.TimerHandle | None = None  # None: no head is awaited
        self._stall_timer: asyncio.TimerHandle | None = None  # None: the client takes what we send
        self._is_lost = False
        self._when_gone: Callable[[], None] | None = None  # of the request that is being answered

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's narrower type
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._certificate = identities_on(transport)
        self._files: FileSender | None = None
        self._reading: SocketReading | None = None
        if can_take_files(transport):
            self._reading = SocketReading(
                transport,
                self.loop,
                memory=self.memory,
                take=self._filled,
                size=self._next_bytes_max,
            )
            self.flow = FlowControl(self._reading)  # type: ignore[arg-type] # the half it uses
            self._files = FileSender(
                transport, stall_seconds_max=self.limits.transfer_grace_seconds
            )
        self._await_head()
        if len(self.connections) > self.limits.connections_max:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._files is not None:
            self._files.close()
        if self._reading is not None:
            self._reading.close()
        self._head_is_complete()
        self._takes_again()
        super().connection_lost(exc)
        self._is_lost = True
        self._tell_when_gone(self._when_gone)

    def data_received(self, data: bytes) -> None:
        """Take what came: the rest of a body as it is, all else through the parser."""
        if self._left:
            body, data = data[: self._left], data[self._left :]
            self._take_body(body)
        if data:
            self._parse(data)
            if self._left > _LONG_BYTES and self._reading is not None:
                self._reading.begin()

    def _filled(self, data: Filled) -> None:
        """Take what was read without the transport: a head and what follows it, or a body."""
        if not self._left:
            data = self._behind_head(data)
        body = data.first(self._left)
        if body:
            self._take_body(body if len(body) >= _WORTH_BYTES else bytes(body))
        behind = bytes(data.view[len(body) :])
        if behind and not self.transport.is_closing():
            self.data_received(behind)

    def _behind_head(self, data: Filled) -> Filled:
        """Have the head of a request parsed by itself, if one begins here: the parser copies."""
        if not self._is_between:
            return data
        end = data.memory.find(_HEAD_END, data.start, data.start + min(len(data), HEAD_BYTES_MAX))
        if end < 0:
            return data
        head = data.first(end + len(_HEAD_END) - data.start)
        self.data_received(bytes(head))
        return data.behind(len(head))

    def _next_bytes_max(self) -> int:
        """Say how much may be read at once: no more than belongs together."""
        return self._left or (READ_BYTES_MAX if self._is_between else _PARSED_READ_BYTES)

    def _read_on(self) -> None:
        """Take more of a body whose end is known, if the socket has it."""
        if self._left and self._reading is not None:
            self._reading.read_on()

    def _take_body(self, piece: bytes | Filled) -> None:
        """Take a piece of a body whose length is known: nothing in it needs a parser."""
        self._left -= len(piece)
        self._body.take(piece)
        if not self._left:
            self.on_message_complete()
            # The old one waits for this body for ever.
            self.parser = _new_parser(self)

    def _parse(self, data: bytes) -> None:
        """Feed the parser, which keeps an unfinished head however long it gets: so we count."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.transport.write(TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._is_between = False
        super().on_message_begin()
        self.scope["state"][CERTIFICATE_STATE] = self._certificate
        self._await_head()

    def on_headers_complete(self) -> None:
        """Note that the head of a request is complete."""
        self._head_is_complete()
        self._refusal = _refusal_of_coding(self.headers)
        if self._refusal:
            raise ValueError("its body cannot be read")  # for the parser, which gives up
        super().on_headers_complete()
        self._body = IncomingBody(self.cycle, self.flow, self.transport, self._read_on)
        answer = OutgoingAnswer(self.transport, self.loop)
        # uvicorn makes the cycle, whose task looks both up when it begins: in a later turn.
        self.cycle.receive = self._body.receive  # type: ignore[assignment, method-assign]
        self.cycle.transport = answer  # type: ignore[assignment]
        self._left = 0 if self.parser.should_upgrade() else _length_of(self.headers)
        state = self.scope["state"]
        state[IS_HERE_STATE] = self._body.is_here
        state[RECEIVE_FILLED_STATE] = self._body.receive_as_it_lies
        state[WHEN_GONE_STATE] = self._tell_when_gone
        state[CUT_OFF_STATE] = partial(self._cut_off, self.cycle)
        state[SEND_SCATTERED_STATE] = partial(send_scattered, self.cycle, answer)
        if self._files is not None:
            state[SEND_FILE_STATE] = partial(_send_file, self._files, self.cycle, answer)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser has given up."""
        if self._refusal:
            self.transport.write(self._refusal)
            self.transport.close()
        else:
            super().send_400_response(msg)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body: of one in chunks, or one that came with its head."""
        self._left = max(self._left - len(body), 0)
        self._body.take(body)

    def on_message_complete(self) -> None:
        """Note that a request is complete."""
        self._left = 0
        self._is_between = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that an answer is complete: what it did not ask for is not wanted any more."""
        self._body.forget()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for a client that takes more slowly than we send; not for one that takes nothing."""
        super().pause_writing()
        if self.limits.bytes_per_second_min and self._stall_timer is None:
            self._look_again()

    def resume_writing(self) -> None:
        """Go on."""
        self._takes_again()
        super().resume_writing()

    def _look_again(self) -> None:
        self._stall_timer = self.loop.call_later(
            self.limits.transfer_grace_seconds, self._look, self.transport.get_write_buffer_size()
        )

    def _look(self, waiting_before: int) -> None:
        """Give up on a client that took less than it must since we looked last."""
        taken = waiting_before - self.transport.get_write_buffer_size()
        if taken < self.limits.bytes_per_second_min * self.limits.transfer_grace_seconds:
            self.transport.abort()
        else:
            self._look_again()

    def _takes_again(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _cut_off(self, cycle: RequestResponseCycle) -> None:
        """Close without the end of an answer, which uvicorn would call the application's fault."""
        cycle.disconnected = True
        cycle.transport.close()

    def _tell_when_gone(self, act: Callable[[], None] | None) -> None:
        """Have `act` called when the connection is lost; at once, if it is. None: nothing."""
        self._when_gone = act
        if act is not None and self._is_lost:
            act()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds_max, self.transport.abort)

    def _head_is_complete(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


async def _send_file(
    files: FileSender, cycle: RequestResponseCycle, answer: OutgoingAnswer, piece: Lying
) -> None:
    """Send a piece of a file behind all that was written before. Raises as FileSender does."""
    answer.flush()
    await files.send(cycle, piece)


def _new_parser(protocol: HttpToolsProtocol) -> httptools.HttpRequestParser:
    """Make a parser that is as uvicorn's is at the beginning of a request."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _refusal_of_coding(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Refuse a body that has a transfer coding besides chunks; empty: it has none."""
    named = b",".join([value for name, value in headers if name == b"transfer-encoding"])
    if not named:
        return b""
    codings = [one.strip().lower() for one in named.split(b",")]
    if codings == [b"chunked"]:
        return b""
    status = _NOT_IMPLEMENTED if codings[-1] == b"chunked" else _BAD_REQUEST
    return _UNKNOWN_CODING % (status, len(_CODING_TEXT), _CODING_TEXT)


def _length_of(headers: list[tuple[bytes, bytes]]) -> int:
    """Give the length of a body that comes as it is; 0: the parser must find its end."""
    lengths = [value for name, value in headers if name == b"content-length"]
    if len(lengths) != 1 or any(name == b"transfer-encoding" for name, _ in headers):
        return 0
    return int(lengths[0]) if lengths[0].isdigit() else 0
