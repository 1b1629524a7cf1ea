"""Frames decoded for who takes plain bytes only: by the studio, in its processes."""

from typing import Final

from hilum.imaging.refusal import NoPicture
from hilum.imaging.syntaxes import Codec, codec_of
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.drawing.gallery import Gallery
from hilum.pipeline.drawing.studio import StudioBusy
from hilum.sources.web.framing import Decode
from hilum.sources.web.picture_refusal import refusal_of

_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


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
            film = await self._gallery.open(holding)
        except NoPicture as error:
            raise refusal_of(error) from error
        film.close()
        has_bits = film.pixels.bits_allocated == 1

        async def decode(content: bytes) -> bytes:
            try:
                plain = await self._gallery.plain(film.pixels, content)
            except (NoPicture, StudioBusy) as error:
                raise refusal_of(error) from error
            return packed(plain.content) if has_bits else plain.content

        return decode


def packed(pixels: bytes) -> bytes:
    """Put pixels of one bit, a byte each, eight into a byte (PS3.5 §8.1.1)."""
    if not pixels:
        return b""
    number = int(pixels[::-1].translate(_DIGITS), 2)
    return number.to_bytes((len(pixels) + 7) // 8, "little")
