"""Pictures of what is held: a header is read, then a frame, which is drawn in the studio."""

from functools import partial

from hilum.imaging.limits import CODESTREAM_BYTES_MAX
from hilum.imaging.picture import Wish, picture_of
from hilum.imaging.pixels import Pixels
from hilum.imaging.plain import PlainFrame
from hilum.imaging.refusal import DamagedPixels
from hilum.pipeline.archive.frames import FrameFinder, NoFrames
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.archive.segments import Streamer, size_of
from hilum.pipeline.drawing.film import Film
from hilum.pipeline.drawing.studio import Studio
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading


class Gallery:
    """Draws frames of instances. One object for each door."""

    def __init__(
        self, payloads: Payloads, reading: Reading, frames: FrameFinder, studio: Studio
    ) -> None:
        self._payloads = payloads
        self._reading = reading
        self._frames = frames
        self._streamer = Streamer(payloads, reading)
        self._studio = studio

    async def film(self, holding: Holding) -> Film:
        """Read what pictures need of an instance's header.

        Raises:
            NoPicture: it has no pixels, or none that can be shown.
            CorruptPayload, OSError: it cannot be read.
        """
        return await self._reading.call(partial(self._film, holding))

    async def draw(self, holding: Holding, film: Film, frame: int, wish: Wish) -> bytes:
        """Draw a frame, the first being 0.

        Raises:
            RequestRefused: 400, a part of it is wanted that it has not.
            NoPicture, DamagedPixels: it cannot be drawn.
            StudioBusy: not now.
            CorruptPayload, OSError: it cannot be read.
        """
        picture = picture_of(film.data_set, film.pixels, frame, wish)  # refuses before reading
        return await self._studio.draw(picture, await self._content(holding, frame))

    async def plain(self, pixels: Pixels, content: bytes) -> PlainFrame:
        """Decode the bytes of a frame. Raises NoPicture, DamagedPixels, StudioBusy."""
        return await self._studio.plain(pixels, content)

    async def _content(self, holding: Holding, frame: int) -> bytes:
        try:
            found = await self._frames.of(holding.path, holding.transfer_syntax_uid)
            runs = (await self._frames.runs(found, [frame]))[0]
        except NoFrames as error:
            raise DamagedPixels(str(error)) from error
        if size_of(runs) > CODESTREAM_BYTES_MAX:
            raise DamagedPixels("the frame has more bytes than an image can need")
        return b"".join([block async for block in self._streamer.blocks(runs)])

    def _film(self, holding: Holding) -> Film:
        payload = self._payloads.open_payload(holding.path)
        try:
            return Film.of(payload, holding.transfer_syntax_uid)
        finally:
            payload.close()
