"""Answers as gzip for clients that take it: texts only, and only those that are worth it."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final, cast

from hilum.dicomweb.choices import JSON
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.dicomweb.refusal import PROBLEM_TYPE
from hilum.sources.web.exchange import Reply

_BYTES_MIN: Final = 1024  # shorter ones fit into a packet or two as they are
# From here on it takes milliseconds, which are not the event loop's.
_LOOP_BYTES_MAX: Final = 64 << 10
# Half the size of what is best, in a tenth of its time: the network of a hospital is fast.
_LEVEL: Final = 1
_GZIP: Final = 31  # zlib's word for: with the head and tail of gzip
_TYPES: Final = frozenset((JSON, DICOM_JSON, PROBLEM_TYPE))
_STATUSES: Final = frozenset((200, 202, 409))


async def compressed(reply: Reply, accept_encoding: str) -> Reply:
    """Give an answer as gzip where that is welcome and of use, else as it is.

    The tag of what may be compressed is weak for everybody: the bytes are not always the same.
    """
    if reply.content_type not in _TYPES or reply.status not in _STATUSES:
        return reply
    if isinstance(reply.body, bytes) and len(reply.body) < _BYTES_MIN:
        return reply
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
    headers["Vary"] = "Accept-Encoding"
    if not takes_gzip(accept_encoding):
        return replace(reply, headers=headers | _weak(headers))
    headers["Content-Encoding"] = "gzip"
    headers |= _weak(headers)
    if isinstance(reply.body, bytes):
        return replace(reply, body=await _whole(reply.body), headers=headers)
    texts = cast("AsyncIterator[bytes]", reply.body)  # of no file: see _TYPES
    return replace(reply, body=_stream(texts), headers=headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Read Accept-Encoding (RFC 9110 §12.5.3)."""
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        if coding.strip() in {"gzip", "x-gzip"}:
            return parameter.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _weak(headers: dict[str, str]) -> dict[str, str]:
    return {"ETag": weak(headers["ETag"])} if "ETag" in headers else {}


def _gzip(content: bytes) -> bytes:
    return zlib.compress(content, _LEVEL, _GZIP)


async def _whole(content: bytes) -> bytes:
    if len(content) < _LOOP_BYTES_MAX:
        return _gzip(content)
    return await asyncio.to_thread(_gzip, content)


async def _stream(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    try:
        async for piece in body:
            if len(piece) < _LOOP_BYTES_MAX:
                yield squeeze.compress(piece)
            else:
                yield await asyncio.to_thread(squeeze.compress, piece)
        yield squeeze.flush()
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
