"""Bodies whose length and tag are known: 304 for who has them, 206 for who wants parts of them."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import cast

from hilum.dicomweb.byte_range import Span, spans_of
from hilum.dicomweb.entity_tag import has_it, is_meant, still_holds
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.dicomweb.refusal import RequestRefused
from hilum.pipeline.archive.segments import Begun, Piece, Segment, Streamer, cut, size_of
from hilum.sources.web.exchange import Exchange, Reply


def is_known(exchange: Exchange, tag: str) -> bool:
    """Tell whether the client has that answer already; what may lack something is never known.

    Raises:
        RequestRefused: 412 the client wants another answer than that, or none (If-Match).
    """
    if not is_meant(exchange.headers.get("if-match", ""), tag):
        raise RequestRefused(412, "If-Match names none of what there is now: it has another ETag")
    return not exchange.warnings and has_it(exchange.headers.get("if-none-match", ""), tag)


def not_modified(tag: str) -> Reply:
    """Say that the client has it."""
    return Reply(304, headers={"ETag": tag})


async def single_part(
    exchange: Exchange,
    streamer: Streamer,
    segments: Sequence[Segment],
    *,
    content_type: str,
    headers: Mapping[str, str],
) -> Reply:
    """Answer with a body that is one thing, or the range of it that was asked for.

    `headers` have its ETag. Several ranges are parts of multipart/byteranges (RFC 9110 §14.6).

    Raises:
        RequestRefused: 416.
        CorruptPayload, OSError: it cannot be read, as far as that shows at its beginning.
    """
    size = size_of(segments)
    given = {**headers, "Accept-Ranges": "bytes"}
    if still_holds(exchange.headers.get("if-range", ""), headers.get("ETag", "")):
        spans = spans_of(exchange.headers.get("range", ""), size)
        if len(spans) == 1:
            part = cut(segments, spans[0].start, spans[0].end)
            given["Content-Range"] = spans[0].content_range(size)
            given["Content-Length"] = str(spans[0].length)
            return Reply(206, content_type, await begun(exchange, streamer, part), given)
        if spans:
            writer = MultipartWriter(uuid.uuid4().hex)
            parts = _ranges_of(segments, spans, writer, content_type)
            given["Content-Length"] = str(size_of(parts))
            return Reply(206, writer.content_type, await begun(exchange, streamer, parts), given)
    given["Content-Length"] = str(size)
    return Reply(200, content_type, await begun(exchange, streamer, segments), given)


def _ranges_of(
    segments: Sequence[Segment], spans: Sequence[Span], writer: MultipartWriter, content_type: str
) -> list[Segment]:
    """Give ranges of a body as parts of another one."""
    size, parts = size_of(segments), list[Segment]()
    for span in spans:
        headers = {"Content-Type": content_type, "Content-Range": span.content_range(size)}
        parts.append(writer.head(headers, is_first=not parts))
        parts += cut(segments, span.start, span.end)
    return [*parts, writer.closing]


async def begun(
    exchange: Exchange, streamer: Streamer, segments: Sequence[Segment]
) -> AsyncIterator[Piece]:
    """Give a body, begun unless only its head is asked for. Raises CorruptPayload, OSError."""
    pieces = body_of(exchange, streamer, segments)
    return pieces if exchange.method == "HEAD" else await Begun(pieces).begin()


def body_of(
    exchange: Exchange, streamer: Streamer, segments: Sequence[Segment]
) -> AsyncGenerator[Piece]:
    """Give a body: as it lies, where the connection can take it from there."""
    if exchange.takes_files:
        return streamer.pieces(segments)
    return cast("AsyncGenerator[Piece]", streamer.blocks(segments))
