"""Bodies whose length and tag are known: 304 for who has them, 206 for who wants a part."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import cast

from hilum.dicomweb.byte_range import spans_of
from hilum.dicomweb.entity_tag import has_it, still_holds
from hilum.pipeline.archive.segments import Begun, Piece, Segment, Streamer, cut, size_of
from hilum.sources.web.exchange import Exchange, Reply


def is_known(exchange: Exchange, tag: str) -> bool:
    """Tell whether the client has that answer already; what may lack something is never known."""
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

    `headers` have its ETag. Several ranges are answered with the whole (RFC 9110 §14.2).

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
    given["Content-Length"] = str(size)
    return Reply(200, content_type, await begun(exchange, streamer, segments), given)


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
