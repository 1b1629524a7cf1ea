"""Which transfer syntaxes pictures can be made of, by the codec that reads them (PS3.5 Annex A)."""

import enum
from collections.abc import Mapping
from typing import Final

from hilum.dicom.syntaxes import transfer_syntax
from hilum.imaging.refusal import NoPicture


class Codec(enum.Enum):
    """What reads a frame."""

    NATIVE = "native"
    DEFLATE = "deflate"
    RLE = "RLE"
    JPEG = "JPEG"
    JPEG_LOSSLESS = "JPEG lossless"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    HTJ2K = "HTJ2K"
    JPEG_XL = "JPEG XL"


_FAMILY: Final = "1.2.840.10008.1.2."
_CODECS: Final[Mapping[str, Codec]] = {
    _FAMILY + end: codec
    for ends, codec in (
        ("4.50 4.51 4.52 4.53 4.54 4.55 4.56", Codec.JPEG),
        ("4.57 4.58 4.70", Codec.JPEG_LOSSLESS),
        ("4.80 4.81", Codec.JPEG_LS),
        ("4.90 4.91", Codec.JPEG_2000),
        ("4.201 4.202 4.203", Codec.HTJ2K),
        ("4.110 4.111 4.112", Codec.JPEG_XL),
        ("5", Codec.RLE),
        ("1.98", Codec.NATIVE),
        ("8.1", Codec.DEFLATE),
    )
    for end in ends.split()
}
# MPEG-2, MPEG-4, HEVC: 100 to 108.
_VIDEO: Final = _FAMILY + "4.10"


def codec_of(transfer_syntax_uid: str) -> Codec:
    """Give what reads frames in a transfer syntax.

    Raises:
        NoPicture: nothing here does.
    """
    syntax = transfer_syntax(transfer_syntax_uid)
    if not syntax.encapsulated:
        return Codec.NATIVE
    codec = _CODECS.get(transfer_syntax_uid)
    if codec is not None:
        return codec
    if transfer_syntax_uid.startswith(_VIDEO):
        raise NoPicture(f"it is a video ({syntax.name}); frames of videos are not shown")
    raise NoPicture(f"no codec for {syntax.name} ({transfer_syntax_uid})")
