"""Frames decoded for who takes plain bytes only: by the studio, in its processes."""

from hilum.imaging.refusal import NoPicture
from hilum.imaging.syntaxes import Codec, codec_of
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.drawing.gallery import Gallery
from hilum.pipeline.drawing.studio import StudioBusy
from hilum.sources.web.framing import Decode
from hilum.sources.web.picture_refusal import refusal_of


class GalleryDecoder:
    """Decodes frames (`sources.web.framing.FrameDecoder`)."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def knows(self, transfer_syntax_uid: str) -> bool:
        """Tell whether there is a codec for a transfer syntax."""
        try:
            return codec_of(transfer_syntax_uid) is not Codec.NATIVE
        except NoPicture:
            return False

    async def of(self, holding: Holding) -> Decode:
        """Give what decodes frames of an instance. Raises RequestRefused, as it does."""
        try:
            film = await self._gallery.film(holding)
        except NoPicture as error:
            raise refusal_of(error) from error

        async def decode(content: bytes) -> bytes:
            try:
                return (await self._gallery.plain(film.pixels, content)).content
            except (NoPicture, StudioBusy) as error:
                raise refusal_of(error) from error

        return decode
