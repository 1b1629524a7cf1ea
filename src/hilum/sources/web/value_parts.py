"""Multipart bodies with a number of parts that nobody knows: values as they are found."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from hilum.dicomweb.choice import Choice
from hilum.dicomweb.refusal import not_found
from hilum.sources.web.exchange import Reply
from hilum.sources.web.instance_parts import new_writer
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.value_reply import ValuePart


@dataclass(frozen=True, slots=True)
class FormedPart:
    """A value, and the form that it has."""

    choice: Choice
    part: ValuePart


class PartsBody:
    """The body, with its first part at hand. Whoever has it closes it."""

    def __init__(self, shelf: Shelf, first: FormedPart, others: AsyncGenerator[FormedPart]) -> None:
        self._shelf = shelf
        self._others = others
        self._writer = new_writer(first.choice.essence)
        self._blocks = self._made(first)
        self.content_type = self._writer.content_type

    def __aiter__(self) -> "PartsBody":
        """Begin."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next block. Raises CorruptPayload, OSError."""
        return await anext(self._blocks)

    async def aclose(self) -> None:
        """Let go of what it reads, also if nobody began it."""
        await self._blocks.aclose()
        await self._others.aclose()

    async def _made(self, first: FormedPart) -> AsyncGenerator[bytes]:
        async for block in self._part(first, is_first=True):
            yield block
        async for part in self._others:
            async with aclosing(self._part(part, is_first=False)) as blocks:
                async for block in blocks:
                    yield block
        yield self._writer.closing

    def _part(self, one: FormedPart, *, is_first: bool) -> AsyncGenerator[bytes]:
        headers = {
            "Content-Type": one.choice.content_type,
            "Content-Location": one.part.location,
        }
        head = self._writer.head(headers, is_first=is_first)
        return self._shelf.streamer.blocks([head, *one.part.segments])


async def parts_reply(shelf: Shelf, parts: AsyncGenerator[FormedPart], told: str) -> Reply:
    """Answer with parts as they are found.

    Raises:
        RequestRefused: 404 with `told`, there are none; or what finding the first one raised.
    """
    try:
        first = await anext(parts)
    except StopAsyncIteration:
        raise not_found(told) from None
    body = PartsBody(shelf, first, parts)
    return Reply(200, body.content_type, body)
