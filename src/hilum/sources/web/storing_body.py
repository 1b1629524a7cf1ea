"""The body of a store, part by part: files go on to intake, the rest waits to be composed."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.multipart_reader import Event, MultipartReader, PartBegan, PartBytes, PartEnded
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.dicomweb.store_request import METADATA, StoreBody
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.filled import Filled
from hilum.sources.web.composing import Composer
from hilum.sources.web.storing_parts import Parts

# Shorter pieces are put together: each costs memory of its own while it waits for the disk.
_RUN_BYTES_MIN: Final = 4 << 10


async def in_runs(pieces: AsyncIterator[bytes | Filled]) -> AsyncIterator[bytes | Filled]:
    """Give a body in pieces that are not tiny, but for the last one."""
    short = bytearray()
    async for piece in pieces:
        if not short and len(piece) >= _RUN_BYTES_MIN:
            yield piece
            continue
        short += bytes(piece)
        if len(short) >= _RUN_BYTES_MIN:
            yield bytes(short)
            short.clear()
    if short:
        yield bytes(short)


class BodyReader:
    """Reads one body. What it raises, it raises after all that is complete was brought to intake.

    Reads no faster than the disk takes it. `length`: that of the body, 0 when it has not been said.
    """

    def __init__(
        self, body: StoreBody, parts: Parts, composer: Composer, *, parts_max: int, length: int = 0
    ) -> None:
        self._body = body
        self._length = length
        self._parts = parts
        self._composer = composer
        self._parts_max = parts_max
        self._count = 0
        self._is_file = True

    async def read(self, pieces: AsyncIterator[bytes | Filled]) -> None:
        """Read all of it.

        Raises:
            RequestRefused: it cannot be read on.
            ClientGone, OSError.
        """
        if self._body.boundary:
            await self._read_parts(pieces)
        else:
            await self._read_one(pieces)
        await self._composer.bring()

    async def _read_parts(self, pieces: AsyncIterator[bytes | Filled]) -> None:
        reader = MultipartReader(self._body.boundary, self._length)
        try:
            async for piece in pieces:
                for event in _fed(reader, piece):
                    match event:
                        case PartBytes(content):
                            await self._take(content)
                        case PartBegan(headers):
                            self._begin(headers)
                        case PartEnded():
                            await self._end()
            reader.finish()
        except RemoteProtocolError as error:
            raise bad(str(error)) from error

    async def _read_one(self, pieces: AsyncIterator[bytes | Filled]) -> None:
        async for piece in pieces:
            if not self._count:
                self._begin({"content-type": str(self._body.part)})
            await self._take(piece.view if isinstance(piece, Filled) else memoryview(piece))
        if self._count:
            await self._end()

    def _begin(self, headers: Mapping[str, str]) -> None:
        self._count += 1
        if self._count > self._parts_max:
            raise RequestRefused(413, f"the body has more than {self._parts_max} parts")
        kind = self._body.type_of(headers.get("content-type", ""))
        # Whatever a part is called among DICOM files, it is one.
        self._is_file = kind.essence == DICOM or (
            self._body.part.essence == DICOM and kind.essence not in METADATA
        )
        if self._is_file:
            self._parts.begin(kind.parameter("transfer-syntax"))
        else:
            self._composer.begin(kind, headers.get("content-location", ""))

    async def _take(self, content: memoryview) -> None:
        if not self._is_file:
            await self._composer.take(content)
            return
        self._parts.take(content)
        if self._parts.is_too_long:
            raise RequestRefused(413, "an instance is longer than what is taken here")
        if self._parts.must_wait:
            await self._parts.catch_up()

    async def _end(self) -> None:
        if self._is_file:
            self._parts.end()
            await self._parts.catch_up()
        else:
            self._composer.end()


def _fed(reader: MultipartReader, piece: bytes | Filled) -> Iterator[Event]:
    if isinstance(piece, Filled):
        return reader.feed(piece.memory, start=piece.start, end=piece.start + len(piece))
    return reader.feed(piece)
