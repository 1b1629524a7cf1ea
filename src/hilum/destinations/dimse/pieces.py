"""A data set on its way out, piece by piece, each with the word whether it is the last one.

The last fragment of a data set must say so (PS3.8 §E.2), so whoever sends has to know it in time.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Protocol

from hilum.pipeline.archive.segments import Lying

Bytes = bytes | bytearray | memoryview


class Pieces(Protocol):
    """Gives the pieces of one data set in their order."""

    async def piece(self) -> tuple[Bytes | Lying, bool]:
        """Give the next piece and whether it is the last one.

        A data set that lies in a file may be one piece, if the association takes that. What was
        given before is not looked at any more: its memory may be used again.
        """
        ...

    async def aclose(self) -> None:
        """No more will be asked for."""
        ...


class Whole:
    """The one piece of a data set that lies in a file; whoever has opened that closes it."""

    def __init__(self, lying: Lying) -> None:
        self._lying = lying

    async def piece(self) -> tuple[Lying, bool]:
        """Give all of it."""
        return self._lying, True

    async def aclose(self) -> None:
        """Nothing was opened here."""


class Chunks:
    """Pieces from chunks of which nobody knows how many follow: one is always held back."""

    def __init__(self, chunks: Iterable[Bytes] | AsyncIterable[Bytes]) -> None:
        """Take chunks that stay as they are when the next one is asked for."""
        self._chunks = _stream(chunks)
        self._held: Bytes | None = None

    async def piece(self) -> tuple[Bytes, bool]:
        """Give the next chunk; no chunk at all is one empty piece."""
        held, self._held = self._held, None
        if held is None:
            held = await anext(self._chunks, b"")
        self._held = await anext(self._chunks, None)
        return held, self._held is None

    async def aclose(self) -> None:
        """Close the chunks too."""
        await self._chunks.aclose()


async def _stream(
    chunks: Iterable[Bytes] | AsyncIterable[Bytes],
) -> AsyncGenerator[Bytes, None]:
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk
