"""Answers with values: frames, pixels, bulk data; each a part with its address, or one alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.dicomweb.choice import Choice, Framing
from hilum.dicomweb.entity_tag import entity_tag, weak
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.archive.segments import Segment, size_of
from hilum.sources.web.conditional import begun, is_known, not_modified, single_part
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.instance_parts import new_writer
from hilum.sources.web.shelf import Shelf


@dataclass(frozen=True, slots=True)
class ValuePart:
    """A value as it is given out, and where it can be had alone."""

    location: str
    segments: Sequence[Segment]


def value_tag(holding: Holding, choice: Choice, what: str) -> str:
    """Give the tag of an answer with values of an instance."""
    tag = entity_tag(holding.digest.hex(), str(choice), what)
    return tag if choice.framing is Framing.SINGLE else weak(tag)


async def value_reply(
    exchange: Exchange, shelf: Shelf, parts: Sequence[ValuePart], choice: Choice, tag: str
) -> Reply:
    """Answer with all parts in one form, their length told first.

    Raises:
        RequestRefused: 416.
        CorruptPayload, OSError: the first of them cannot be read.
    """
    if is_known(exchange, tag):
        return not_modified(tag)
    if choice.framing is Framing.SINGLE:
        headers = {"ETag": tag, "Content-Location": parts[0].location}
        return await single_part(
            exchange,
            shelf.streamer,
            parts[0].segments,
            content_type=choice.content_type,
            headers=headers,
        )
    writer = new_writer(choice.essence)
    body: list[Segment] = []
    for part in parts:
        headers = {"Content-Type": choice.content_type, "Content-Location": part.location}
        body.append(writer.head(headers, is_first=not body))
        body += part.segments
    body.append(writer.closing)
    length = {"Content-Length": str(size_of(body)), "ETag": tag}
    return Reply(200, writer.content_type, await begun(exchange, shelf.streamer, body), length)
