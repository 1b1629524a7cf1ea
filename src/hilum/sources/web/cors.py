"""Lets web pages from elsewhere read answers in a browser, when their origin is allowed.

Preflights are answered here, before anybody asks who the caller is: browsers send them without.
"""

from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.sources.web.origins import ANY_ORIGIN

METHODS: Final = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
# Those that requests of DICOMweb have and that browsers do not send by themselves.
_REQUEST_HEADERS: Final = (
    b"Accept, Authorization, Cache-Control, Content-Type, If-None-Match, If-Range, Range, "
    b"X-API-Key, X-Requested-With"
)
# Those of answers that pages do not see by themselves.
_ANSWER_HEADERS: Final = (
    b"Accept-Ranges, Allow, Content-Disposition, Content-Encoding, Content-Length, "
    b"Content-Location, Content-Range, ETag, Location, Retry-After, Warning, WWW-Authenticate"
)
_REMEMBERED_SECONDS: Final = b"600"


class Cors:
    """An application whose answers pages of some origins may read."""

    def __init__(self, application: ASGIApp, origins: Iterable[str]) -> None:
        self._application = application
        self._origins = frozenset(origin.encode() for origin in origins)
        self._any = ANY_ORIGIN.encode() in self._origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        origin = _header(scope, b"origin")
        if not origin or not (self._any or origin.lower() in self._origins):
            await self._application(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method"):
            await _send_permission(origin, send)
            return

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _exposed(message.get("headers", ()), origin)
            await send(message)

        await self._application(scope, receive, send_with_origin)


def _exposed(headers: Iterable[tuple[bytes, bytes]], origin: bytes) -> list[tuple[bytes, bytes]]:
    """Add what lets a page read the answer; one answer is not for every origin (Vary)."""
    return [
        *headers,
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _ANSWER_HEADERS),
        (b"vary", b"Origin"),
    ]


async def _send_permission(origin: bytes, send: Send) -> None:
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", _REMEMBERED_SECONDS),
        (b"vary", b"Origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found
