"""Sends an answer: whole or as it is made, until the client has it, or has gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.types import Receive, Scope, Send

from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.refusal import RequestRefused
from hilum.pipeline.archive.segments import Lying, Piece, Scattered
from hilum.sources.web.arriving_body import ArrivingBody, ClientGone
from hilum.sources.web.caller import HttpCaller
from hilum.sources.web.exchange import Body, Exchange, Reply, refused

# Sends bytes of a body from where they lie. Raises CorruptPayload, OSError.
SendFile = Callable[[Lying], Awaitable[None]]
# Sends bytes of a body that are in several places, in one go.
SendScattered = Callable[[Scattered], Awaitable[None]]

_BODILESS: Final = frozenset((204, 304))
_CLOSE: Final = (b"connection", b"close")
_UNTOLD: Final = -1  # the length of a body that has none


class Answering:
    """One answer on its way. `has_begun`: its status cannot be changed any more."""

    def __init__(
        self,
        send: Send,
        send_file: SendFile | None = None,
        send_scattered: SendScattered | None = None,
    ) -> None:
        self._send = send
        self._send_file = send_file
        self._send_scattered = send_scattered
        self.has_begun = False
        self.bytes = 0
        self._is_over = False

    async def send(self, reply: Reply, exchange: Exchange) -> None:
        """Send an answer; of one to HEAD only its head.

        What the client still sends of its body is read for a while, so that it sees the answer;
        then the connection is closed: at once, when the answer itself says so.

        Raises:
            ClientGone: it closed the connection before it had all.
            Exception: whatever the maker of a streamed body raises.
        """
        try:
            await self._whole(reply, exchange)
        finally:
            await _close(reply.body)

    async def _whole(self, reply: Reply, exchange: Exchange) -> None:
        is_unread = not exchange.arriving.has_ended and _has_body(exchange)
        is_unread = is_unread and "Connection" not in reply.headers
        self.has_begun = True
        headers = [*_headers_of(reply, is_last=is_unread), *exchange.introduction]
        await self._send(
            {"type": "http.response.start", "status": reply.status, "headers": headers}
        )
        if exchange.method == "HEAD":
            pass
        elif isinstance(reply.body, bytes):
            await self._part(reply.body, more=is_unread)
        elif exchange.is_watched:
            length = _UNTOLD if is_unread else int(reply.headers.get("Content-Length", _UNTOLD))
            await self._pieces(reply.body, length)
        else:
            await self._stream(reply.body, exchange.arriving)
        if is_unread and not _awaits_consent(exchange):
            await exchange.arriving.drop_the_rest()
        if not self._is_over:
            await self._part(b"", more=False)

    async def _pieces(self, body: AsyncIterator[Piece], length: int) -> None:
        """Send a body as it is made, over a connection whose end cancels this.

        The piece that makes it as long as its head has said is the last.
        """
        async for piece in body:
            if isinstance(piece, Lying | Scattered):
                await self._lying(piece)
            elif piece:
                await self._part(piece, more=self.bytes + len(piece) != length)

    async def _stream(self, body: AsyncIterator[Piece], arriving: ArrivingBody) -> None:
        """Send a body as it is made. The server swallows what is sent to a client that has gone."""
        gone = asyncio.ensure_future(arriving.until_gone())
        try:
            async for piece in body:
                if gone.done():
                    raise ClientGone("the client closed the connection")
                if isinstance(piece, Lying | Scattered):
                    await self._lying(piece)
                elif piece:
                    await self._part(piece, more=True)
        finally:
            gone.cancel()
            await asyncio.wait((gone,))

    async def _lying(self, piece: Lying | Scattered) -> None:
        """Send bytes from where they lie."""
        if isinstance(piece, Lying):
            assert self._send_file is not None  # noqa: S101 - nobody gives files otherwise
            self.bytes += piece.size
            await self._send_file(piece)
        elif self._send_scattered is not None:
            self.bytes += piece.size
            await self._send_scattered(piece)
        else:
            for part in piece.parts:
                await self._part(part, more=True)

    async def _part(self, content: bytes, *, more: bool) -> None:
        self.bytes += len(content)
        self._is_over = not more
        await self._send({"type": "http.response.body", "body": content, "more_body": more})


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: RequestRefused) -> None:
    """Answer with a refusal where nothing else is known of the request."""
    nobody = HttpCaller("", "", frozenset())
    exchange = Exchange(scope, receive, caller=nobody, root=BaseUrl("http", ""), entity="")
    await Answering(send).send(refused(refusal), exchange)


def _has_body(exchange: Exchange) -> bool:
    headers = exchange.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _awaits_consent(exchange: Exchange) -> bool:
    """Tell whether the client sends its body only when it is told to go on (RFC 9110 §10.1.1)."""
    expects = exchange.headers.get("expect", "").lower()
    return expects == "100-continue" and not exchange.arriving.has_begun


def _headers_of(reply: Reply, *, is_last: bool) -> list[tuple[bytes, bytes]]:
    headers = [
        (name.lower().encode(), text.encode("latin-1", "replace"))
        for name, text in reply.headers.items()
    ]
    if reply.content_type:
        headers.append((b"content-type", reply.content_type.encode("latin-1")))
    if isinstance(reply.body, bytes) and reply.status not in _BODILESS:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    if is_last:
        headers.append(_CLOSE)
    return headers


async def _close(body: Body) -> None:
    """Let go of what a streamed body holds, also when nobody began it."""
    if isinstance(body, bytes):
        return
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
