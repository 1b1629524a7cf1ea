"""Several pictures as one body: in parts, or as one that moves. Drawn as they are sent."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.dicomweb.resource import Place
from hilum.imaging.animation import Animation, milliseconds_of
from hilum.imaging.picture import Wish
from hilum.imaging.refusal import NoPicture
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.drawing.film import Film
from hilum.pipeline.drawing.gallery import Gallery


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, and where it is from: the first frame is 1."""

    holding: Holding
    frame: int
    content: bytes


async def frames_of(
    gallery: Gallery, holding: Holding, film: Film, frames: Sequence[int], wish: Wish
) -> AsyncGenerator[Drawn]:
    """Draw frames of one instance.

    Raises:
        NoPicture and the others of `Gallery.draw`.
    """
    for frame in frames:
        yield Drawn(holding, frame, await gallery.draw(holding, film, frame - 1, wish))


async def frames_of_all(
    gallery: Gallery, holdings: Sequence[Holding], wish: Wish
) -> AsyncGenerator[Drawn]:
    """Draw every frame of instances; what cannot be drawn is left out.

    Raises:
        NoPicture: none of them can be; that of the first.
        StudioBusy, CorruptPayload, OSError, RequestRefused: as `Gallery.draw`.
    """
    first: NoPicture | None = None
    is_empty = True
    for holding in holdings:
        try:
            film = await gallery.film(holding)
        except NoPicture as error:
            first = first or error
            continue
        frames = range(1, film.pixels.frames + 1)
        try:
            async with aclosing(frames_of(gallery, holding, film, frames, wish)) as drawing:
                async for drawn in drawing:
                    is_empty = False
                    yield drawn
        except NoPicture as error:
            first = first or error
    if is_empty and first is not None:
        raise first


class PictureParts:
    """Pictures as parts of a multipart body; each says where it is from."""

    def __init__(self, root: BaseUrl, media_type: str) -> None:
        self._root = root
        self._media_type = media_type
        self._writer = MultipartWriter(uuid.uuid4().hex, media_type)
        self.content_type = self._writer.content_type

    async def blocks(self, first: Drawn, others: AsyncIterator[Drawn]) -> AsyncGenerator[bytes]:
        """Give the body; `first` was drawn already, to see whether there is an answer at all."""
        yield self._part(first, is_first=True)
        async for drawn in others:
            yield self._part(drawn, is_first=False)
        yield self._writer.closing

    def _part(self, drawn: Drawn, *, is_first: bool) -> bytes:
        held = drawn.holding
        place = Place(held.study_instance_uid, held.series_instance_uid, held.sop_instance_uid)
        headers = {
            "Content-Type": self._media_type,
            "Content-Location": f"{url_of(self._root, place)}/frames/{drawn.frame}/rendered",
        }
        return self._writer.head(headers, is_first=is_first) + drawn.content


class Streamed(AsyncIterator[bytes]):
    """A body, and what draws for it: both are closed, also where nobody began to read."""

    def __init__(self, blocks: AsyncGenerator[bytes], drawing: AsyncGenerator[Drawn]) -> None:
        self._blocks = blocks
        self._drawing = drawing

    async def __anext__(self) -> bytes:
        """Give the next block."""
        return await anext(self._blocks)

    async def aclose(self) -> None:
        """Draw no more."""
        await self._blocks.aclose()
        await self._drawing.aclose()


async def moving(first: Drawn, others: AsyncIterator[Drawn], film: Film) -> AsyncGenerator[bytes]:
    """Give the frames of an instance as one GIF."""
    animation = Animation(milliseconds_of(film.data_set))
    yield animation.add(first.content)
    async for drawn in others:
        yield animation.add(drawn.content)
    yield animation.end


async def begun(drawing: AsyncIterator[Drawn]) -> Drawn:
    """Draw the first picture: whether there is one decides what is answered.

    Raises:
        NoPicture: there is none.
    """
    with suppress(StopAsyncIteration):
        return await anext(drawing)
    raise NoPicture("it has no frames")
