"""Pictures of what is held: an instance is opened, a frame of it read, and drawn in the studio."""

from functools import partial

from hilum.imaging.picture import Wish, picture_of
from hilum.imaging.pixels import Pixels
from hilum.imaging.plain import PlainFrame
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.drawing.film import Film
from hilum.pipeline.drawing.studio import Studio
from hilum.pipeline.ports import Payloads
from hilum.pipeline.reading import Reading


class Gallery:
    """Draws frames of instances. One object for each door."""

    def __init__(self, payloads: Payloads, reading: Reading, studio: Studio) -> None:
        self._payloads = payloads
        self._reading = reading
        self._studio = studio

    async def open(self, holding: Holding) -> Film:
        """Open an instance; the caller closes it.

        Raises:
            NoPicture: it has no pixels, or none that can be shown.
            CorruptPayload, OSError: it cannot be read.
        """
        return await self._reading.call(partial(self._opened, holding))

    async def draw(self, film: Film, frame: int, wish: Wish) -> bytes:
        """Draw a frame, the first being 0.

        Raises:
            RequestRefused: 400, a part of it is wanted that it has not.
            NoPicture, DamagedPixels: it cannot be drawn.
            StudioBusy: not now.
            CorruptPayload, OSError: it cannot be read.
        """
        picture = picture_of(film.data_set, film.pixels, frame, wish)  # refuses before reading
        content, step = await self._reading.call(partial(film.frame, frame))
        return await self._studio.draw(picture.behind(step), content)

    async def plain(self, pixels: Pixels, content: bytes, step: int = 0) -> PlainFrame:
        """Decode the bytes of a frame. Raises NoPicture, DamagedPixels, StudioBusy."""
        return await self._studio.plain(pixels, content, step)

    def _opened(self, holding: Holding) -> Film:
        payload = self._payloads.open_payload(holding.path)
        try:
            return Film(payload, holding.transfer_syntax_uid)
        except BaseException:
            payload.close()
            raise
