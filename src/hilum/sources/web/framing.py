"""RetrieveFrames: pixels of frames, cut out where they lie (PS3.18 §10.4.1.1.4).

What is compressed goes out as it is stored; it is decoded only for who takes nothing else.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, transfer_syntax
from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.choice import Choice, Framing
from hilum.dicomweb.choices import IMAGE_TYPES, pixel_choices
from hilum.dicomweb.refusal import RequestRefused, not_found
from hilum.dicomweb.resource import RetrieveFrames
from hilum.pipeline.archive.frames import Frames, Inseparable, NativeFrames, NoFrames
from hilum.pipeline.archive.ports import Holding, Purpose
from hilum.pipeline.archive.segments import Run, size_of
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.instance_parts import new_writer, place_of
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.value_reply import ValuePart, value_reply, value_tag

_PLAIN: Final = EXPLICIT_VR_LITTLE_ENDIAN.uid
# Its fragments are frames without any compression (PS3.5 §A.4.11).
_ENCAPSULATED_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"
# Compressed; decoders have limits of their own for what comes out.
_FRAME_BYTES_MAX: Final = 64 << 20


Decode = Callable[[bytes], Awaitable[bytes]]


class FrameDecoder(Protocol):
    """Decodes compressed frames; somebody else's business, in processes of their own."""

    def knows(self, transfer_syntax_uid: str) -> bool:
        """Tell whether frames of a transfer syntax can be decoded at all."""
        ...

    async def of(self, holding: Holding) -> Decode:
        """Give what puts a frame of an instance into explicit VR little endian.

        Both raise RequestRefused: it cannot be decoded, or not now.
        """
        ...


class FrameRetriever:
    """Answers RetrieveFrames. One object for each door; `decoder`: None decodes nothing."""

    def __init__(self, shelf: Shelf, decoder: FrameDecoder | None = None) -> None:
        self._shelf = shelf
        self._decoder = decoder

    async def __call__(self, exchange: Exchange, resource: RetrieveFrames) -> Reply:
        """Answer with frames in the order in which they were asked for.

        Raises:
            RequestRefused: 404 there is no such instance or frame, or it has no pixels; 406 they
                cannot be had as the client wants; 416.
            CorruptPayload, OSError: the payload cannot be read.
        """
        holding = (await self._shelf.holdings(exchange, resource.place, Purpose.RETRIEVE))[0]
        try:
            return await self._frames(exchange, holding, resource.frames)
        except NoFrames as error:
            raise not_found(str(error)) from error

    async def _frames(self, exchange: Exchange, holding: Holding, asked: Sequence[int]) -> Reply:
        frames = await frames_of(self._shelf, holding)
        numbers = [number - 1 for number in asked]
        if max(numbers) >= frames.count and is_video(holding):
            raise NoFrames("its frames are one video stream, which is frame 1")
        if max(numbers) >= frames.count:
            raise NoFrames(f"it has {frames.count} frames, numbered from 1")
        choice = self._choice(exchange, holding, frames, len(numbers))
        tag = value_tag(holding, choice, ",".join(map(str, numbers)))
        if is_known(exchange, tag):
            return not_modified(tag)
        runs = await self._shelf.frames.runs(frames, numbers)
        url = f"{url_of(exchange.root, place_of(holding))}/frames"
        locations = [f"{url}/{number}" for number in asked]
        if is_decoded(frames, holding, choice):
            return await self._decoded(holding, choice, locations, runs)
        parts = [ValuePart(*one) for one in zip(locations, runs, strict=True)]
        return await value_reply(exchange, self._shelf, parts, choice, tag)

    def _choice(self, exchange: Exchange, holding: Holding, frames: Frames, number: int) -> Choice:
        stored = holding.transfer_syntax_uid
        can_decode = self._decoder is not None and self._decoder.knows(stored)
        choices = choices_for(holding, frames, can_decode=can_decode, number=number)
        return exchange.accepted().choose(choices)

    async def _decoded(
        self, holding: Holding, choice: Choice, locations: Sequence[str], runs: Sequence[list[Run]]
    ) -> Reply:
        """Answer with frames that are decoded one by one, the first of them before it begins."""
        if self._decoder is None:
            raise RequestRefused(406, "this gateway does not decode; frames can be had as stored")
        decode = await self._decoder.of(holding)
        first = await decode(await self._content(runs[0]))
        if choice.framing is Framing.SINGLE:
            return Reply(200, choice.content_type, first, {"Content-Location": locations[0]})
        writer = new_writer(choice.essence)

        async def body() -> AsyncGenerator[bytes]:
            content = first
            for at, location in enumerate(locations):
                headers = {"Content-Type": choice.content_type, "Content-Location": location}
                yield writer.head(headers, is_first=not at) + content
                if at + 1 < len(runs):
                    content = await decode(await self._content(runs[at + 1]))
            yield writer.closing

        return Reply(200, writer.content_type, body())

    async def _content(self, runs: Sequence[Run]) -> bytes:
        if size_of(runs) > _FRAME_BYTES_MAX:
            raise RequestRefused(406, "a frame is too large to be decoded; it can be had as stored")
        async with aclosing(self._shelf.streamer.blocks(runs)) as blocks:
            return b"".join([block async for block in blocks])


async def frames_of(shelf: Shelf, holding: Holding, *, is_stream: bool = False) -> Frames:
    """Find the frames of an instance; all as one, if they are a stream.

    Raises:
        RequestRefused: 404, it has no pixels.
        Inseparable: frames cannot be told apart.
        CorruptPayload, OSError: the payload cannot be read.
    """
    is_stream = is_stream or is_video(holding)
    try:
        return await shelf.frames.of(holding.path, holding.transfer_syntax_uid, is_stream=is_stream)
    except Inseparable:
        raise
    except NoFrames as error:
        raise not_found(str(error)) from error


def choices_for(holding: Holding, frames: Frames, *, can_decode: bool, number: int) -> list[Choice]:
    """Give the ways to answer with so many frames, or with all pixels as one."""
    stored = holding.transfer_syntax_uid
    if isinstance(frames, NativeFrames):
        # Whatever its label says: nothing is compressed in there.
        return pixel_choices(_PLAIN, can_decode=False, number=number)
    can_decode = can_decode or stored == _ENCAPSULATED_UNCOMPRESSED
    return pixel_choices(stored, can_decode=can_decode, number=number)


def is_video(holding: Holding) -> bool:
    """Tell whether all pixels are one stream, out of which frames cannot be cut."""
    types = IMAGE_TYPES.get(holding.transfer_syntax_uid, ("",))
    return types[0].startswith("video/")


def is_decoded(frames: Frames, holding: Holding, choice: Choice) -> bool:
    """Tell whether what is stored has to be decoded for a choice."""
    return (
        not isinstance(frames, NativeFrames)
        and transfer_syntax(holding.transfer_syntax_uid).encapsulated
        and choice.transfer_syntax == _PLAIN
        and holding.transfer_syntax_uid != _ENCAPSULATED_UNCOMPRESSED
    )
