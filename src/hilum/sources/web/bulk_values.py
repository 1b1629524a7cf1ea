"""RetrieveBulk, RetrieveAllBulk and RetrievePixels: values by their addresses, little endian.

Pixels that are compressed are one part for each frame, as they are stored (PS3.18 §8.7.3.3).
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from hilum.dicom.bulk import path_text
from hilum.dicom.locating import Located
from hilum.dicom.tags import DOUBLE_FLOAT_PIXEL_DATA, FLOAT_PIXEL_DATA, PIXEL_DATA
from hilum.dicomweb.addresses import bulk_uri, url_of
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.choices import bulk_choices, pixel_choices
from hilum.dicomweb.refusal import RequestRefused, not_found
from hilum.dicomweb.resource import RetrieveAllBulk, RetrieveBulk, RetrievePixels
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.frames import Frames, Inseparable, NativeFrames
from hilum.pipeline.archive.ports import Holding, Purpose
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.framing import choices_for, frames_of
from hilum.sources.web.instance_parts import place_of
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.value_parts import FormedPart, parts_reply
from hilum.sources.web.value_reply import ValuePart, value_reply, value_tag

_IMAGE_TAGS: Final = frozenset((PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA))
# Of a body with an unknown number of parts: certainly not one part that stands alone.
_SEVERAL: Final = 2
_NOT_FOUND: Final = 404

Parts = AsyncGenerator[FormedPart]


class BulkRetriever:
    """Answers all three. One object for each door."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def one(self, exchange: Exchange, resource: RetrieveBulk) -> Reply:
        """Answer with one value.

        Raises:
            RequestRefused: 404 there is no such instance or value; 406; 416.
            CorruptPayload, OSError: the payload cannot be read.
        """
        holding = (await self._shelf.holdings(exchange, resource.place, Purpose.RETRIEVE))[0]
        location = bulk_uri(exchange.root, place_of(holding), resource.path)
        if _is_image(resource.path):
            return await self._image(exchange, holding, location, resource.path[0])
        syntax = holding.transfer_syntax_uid
        value = await self._shelf.values.find(holding.path, syntax, resource.path)
        if value is None:
            raise not_found("the instance has no such value")
        choice = exchange.accepted().choose(_choices_of(value, holding, number=1))
        runs = await self._shelf.values.runs(holding.path, syntax, value)
        tag = value_tag(holding, choice, path_text(resource.path))
        return await value_reply(exchange, self._shelf, [ValuePart(location, runs)], choice, tag)

    async def pixels(self, exchange: Exchange, resource: RetrievePixels) -> Reply:
        """Answer with all pixels of one instance, or of several.

        Raises:
            RequestRefused: 404 there are none; 406; 416.
            CorruptPayload, OSError: nothing of it can be read.
        """
        held = await self._shelf.holdings(exchange, resource.place, Purpose.RETRIEVE)
        if len(held) == 1:
            location = f"{url_of(exchange.root, place_of(held[0]))}/pixeldata"
            return await self._image(exchange, held[0], location)
        parts = self._of_each(held, lambda one: self._image_parts(exchange, one))
        return await parts_reply(self._shelf, parts, "none of these instances has pixels")

    async def everything(self, exchange: Exchange, resource: RetrieveAllBulk) -> Reply:
        """Answer with every value that metadata has only the address of.

        Raises:
            RequestRefused: 404 there are none; 406.
            CorruptPayload, OSError: nothing of it can be read.
        """
        held = await self._shelf.holdings(exchange, resource.place, Purpose.RETRIEVE)
        parts = self._of_each(held, lambda one: self._bulk_parts(exchange, one))
        return await parts_reply(self._shelf, parts, "there is no bulk data in what is held of it")

    async def _image(
        self, exchange: Exchange, holding: Holding, location: str, tag: int = 0
    ) -> Reply:
        """Answer with the pixels; `tag`: if they are what it names."""
        frames, parts = await self._pixels_of(exchange, holding, location)
        if tag not in {0, frames.layout.tag}:
            raise not_found("the instance has no such value")
        choices = choices_for(holding, frames, can_decode=False, number=len(parts))
        choice = exchange.accepted().choose(choices)
        entity = value_tag(holding, choice, "pixels")
        return await value_reply(exchange, self._shelf, parts, choice, entity)

    async def _pixels_of(
        self, exchange: Exchange, holding: Holding, location: str
    ) -> tuple[Frames, list[ValuePart]]:
        """Give all pixels: native ones as one part, others by the addresses of their frames.

        Raises:
            RequestRefused: 404, there are none.
        """
        try:
            frames = await frames_of(self._shelf, holding)
            if isinstance(frames, NativeFrames):
                return frames, [ValuePart(location, [frames.whole()])]
            runs = await self._shelf.frames.runs(frames, range(frames.count))
        except Inseparable:
            frames = await frames_of(self._shelf, holding, is_stream=True)
            return frames, [ValuePart(location, (await self._shelf.frames.runs(frames, [0]))[0])]
        if not runs:
            raise not_found("it has no pixels: there is not one fragment")
        url = f"{url_of(exchange.root, place_of(holding))}/frames"
        return frames, [ValuePart(f"{url}/{at}", one) for at, one in enumerate(runs, start=1)]

    async def _of_each(
        self, held: Sequence[Holding], parts_of: Callable[[Holding], Parts]
    ) -> Parts:
        """Give the parts of each instance; one without any, or that cannot be read, has none.

        Raises:
            RequestRefused, CorruptPayload, OSError: there is not one part, and this is why.
        """
        given = 0
        fault: Exception | None = None
        for holding in held:
            before = given
            try:
                async with aclosing(parts_of(holding)) as parts:
                    async for part in parts:
                        given += 1
                        yield part
            except RequestRefused as refusal:
                fault = fault if refusal.status == _NOT_FOUND else fault or refusal
            except (CorruptPayload, OSError) as error:
                if given > before:
                    raise
                fault = fault or error
                self._shelf.leave_out(holding, error)
        if fault is not None and not given:
            raise fault

    async def _image_parts(self, exchange: Exchange, holding: Holding) -> Parts:
        location = f"{url_of(exchange.root, place_of(holding))}/pixeldata"
        frames, parts = await self._pixels_of(exchange, holding, location)
        choices = choices_for(holding, frames, can_decode=False, number=_SEVERAL)
        choice = exchange.accepted().choose(choices)
        for part in parts:
            yield FormedPart(choice, part)

    async def _bulk_parts(self, exchange: Exchange, holding: Holding) -> Parts:
        syntax, place = holding.transfer_syntax_uid, place_of(holding)
        async with aclosing(self._shelf.values.all_bulk(holding.path, syntax)) as values:
            async for value in values:
                if _is_image(value.path):
                    async with aclosing(self._image_parts(exchange, holding)) as parts:
                        async for part in parts:
                            yield part
                    continue
                choice = exchange.accepted().choose(_choices_of(value, holding, number=_SEVERAL))
                runs = await self._shelf.values.runs(holding.path, syntax, value)
                location = bulk_uri(exchange.root, place, value.path)
                yield FormedPart(choice, ValuePart(location, runs))


def _is_image(path: Sequence[int]) -> bool:
    return len(path) == 1 and path[0] in _IMAGE_TAGS


def _choices_of(value: Located, holding: Holding, *, number: int) -> list[Choice]:
    """Give the ways to answer with a value that is not the image."""
    if value.length is None:
        # An icon, compressed like the image.
        return pixel_choices(holding.transfer_syntax_uid, can_decode=False, number=number)
    return bulk_choices(number=number)
