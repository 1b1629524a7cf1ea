"""Frames that are compressed: codestreams to samples. Needs the extra `pixels`.

What a codestream declares is compared with the data set before a codec sees it: codecs make room
for what is declared. They are C code that reads what strangers wrote: run this in a process that
may die.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import imagecodecs
import numpy as np

from hilum.imaging.codestream import Declared, declared_by, rle_segments
from hilum.imaging.limits import CODESTREAM_BYTES_MAX
from hilum.imaging.native import Samples, native_samples
from hilum.imaging.pixels import Pixels
from hilum.imaging.refusal import DamagedPixels
from hilum.imaging.syntaxes import Codec

# What encoders leave behind the last run of a segment.
_RLE_SLACK_BYTES: Final = 1024
_END_OF_IMAGE: Final = b"\xff\xd9"
_RGB: Final = "RGB"
_YBR: Final = "YCBCR"
_GRAY: Final = "GRAYSCALE"
_UNMIXED_BY_CODEC: Final = frozenset((Codec.JPEG, Codec.JPEG_XL))


def samples_of(pixels: Pixels, content: bytes, step: int = 0) -> Samples:
    """Decode one frame; colours of JPEG, JPEG XL, YBR_ICT and YBR_RCT come as RGB.

    Raises:
        DamagedPixels: it is no frame of these pixels.
        MemoryError: there is not enough for it.
    """
    if len(content) > CODESTREAM_BYTES_MAX:
        raise DamagedPixels(f"the frame has {len(content):,} bytes, more than an image can need")
    codec = pixels.codec
    if codec is Codec.NATIVE:
        return native_samples(pixels, content, step)
    if codec is Codec.DEFLATE:
        return native_samples(pixels, _inflated(pixels, content))
    if codec is Codec.RLE:
        return _rle(pixels, content)
    declared = declared_by(codec, content)
    _compare(pixels, declared, codec)
    try:
        found = _DECODERS[codec](pixels, content, declared)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        # The text of a codec's error is its own, and says little.
        raise DamagedPixels(f"the {codec.value} codestream cannot be decoded") from error
    return _shaped(pixels, found)


def photometric_of(pixels: Pixels) -> str:
    """Tell what the samples of a decoded frame mean."""
    if pixels.photometric in {"YBR_ICT", "YBR_RCT"}:
        return _RGB
    if pixels.is_color and pixels.codec in _UNMIXED_BY_CODEC:
        return _RGB
    if pixels.photometric in {"YBR_FULL_422", "YBR_PARTIAL_420"}:
        return "YBR_FULL"
    return pixels.photometric


def _compare(pixels: Pixels, declared: Declared, codec: Codec) -> None:
    if (declared.rows, declared.columns) != (pixels.rows, pixels.columns):
        raise DamagedPixels(
            f"the codestream has {declared.rows} x {declared.columns} pixels, the data set says "
            f"{pixels.rows} x {pixels.columns}"
        )
    if codec is not Codec.JPEG_XL and declared.samples != pixels.samples:
        raise DamagedPixels(
            f"the codestream has {declared.samples} samples a pixel, the data set says "
            f"{pixels.samples}"
        )
    if declared.precision > max(16, pixels.bits_allocated):
        raise DamagedPixels(f"the codestream has {declared.precision} bits a sample")


def _shaped(pixels: Pixels, found: Samples) -> Samples:
    wanted: tuple[int, ...] = (pixels.rows, pixels.columns)
    wanted = (*wanted, 3) if pixels.is_color else wanted
    if found.shape in {(*wanted, 1), (1, *wanted)}:
        found = found.reshape(wanted)
    if found.shape != wanted or found.dtype.kind not in "iu":
        raise DamagedPixels("the codestream has other samples than the data set says")
    return found


def _inflated(pixels: Pixels, content: bytes) -> bytes:
    """Unfold a deflated frame, and no more than a frame of it (PS3.5 §A.4.13)."""
    size = (pixels.frame_bits + 7) // 8
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(content, size)
    except zlib.error as error:
        raise DamagedPixels("the frame cannot be inflated") from error


def _rle(pixels: Pixels, content: bytes) -> Samples:
    """Put samples together: a segment has one byte of each, the highest first (PS3.5 §G.2)."""
    width = max(pixels.bits_allocated // 8, 1)
    if pixels.bits_allocated == 1:
        return _rle_bits(pixels, content)
    count = pixels.rows * pixels.columns
    planes = np.empty((pixels.samples, width, count), np.uint8)
    segments = rle_segments(content, pixels.samples * width)
    for number, (start, end) in enumerate(segments):
        sample, place = divmod(number, width)
        # The highest byte comes first; numbers here are little endian.
        planes[sample, width - 1 - place] = _segment(content[start:end], count)
    merged = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(f"<u{width}")
    shape = (pixels.rows, pixels.columns, 3) if pixels.is_color else (pixels.rows, pixels.columns)
    return merged.reshape(shape)


def _rle_bits(pixels: Pixels, content: bytes) -> Samples:
    ((start, end),) = rle_segments(content, 1)
    packed = _segment(content[start:end], (pixels.frame_bits + 7) // 8)
    return native_samples(pixels, packed.tobytes())


def _segment(segment: bytes, count: int) -> Samples:
    room = np.zeros(count + _RLE_SLACK_BYTES, np.uint8)
    try:
        # Its types know nothing of arrays as places to write to.
        unpacked = imagecodecs.packbits_decode(segment, out=cast("Any", room))
    except RuntimeError as error:
        raise DamagedPixels("an RLE segment cannot be decoded") from error
    if len(unpacked) < count:
        raise DamagedPixels(f"an RLE segment has {len(unpacked):,} bytes, {count:,} are expected")
    return room[:count]


def _jpeg(pixels: Pixels, content: bytes, declared: Declared) -> Samples:
    if not pixels.is_color:
        return imagecodecs.jpeg8_decode(content, colorspace=_GRAY, outcolorspace=_GRAY)
    space = _YBR if _is_ybr(pixels, declared) else _RGB
    return imagecodecs.jpeg8_decode(content, colorspace=space, outcolorspace=_RGB)


def _is_ybr(pixels: Pixels, declared: Declared) -> bool:
    """Tell whether the colours of a JPEG are mixed: what the codestream says goes before.

    Seen: SC_rgb_jpeg.dcm of the pydicom test files, YCbCr under an RGB label.
    """
    if declared.transform >= 0:
        return declared.transform != 0
    if declared.names.upper() == b"RGB":
        return False
    return declared.is_jfif or pixels.photometric != _RGB


def _jpeg_lossless(pixels: Pixels, content: bytes, _declared: Declared) -> Samples:
    """Decode; nothing is mixed in this process, whatever the markers say."""
    space = _RGB if pixels.is_color else _GRAY
    return imagecodecs.jpeg8_decode(content, colorspace=space, outcolorspace=space)


def _jpeg_ls(_pixels: Pixels, content: bytes, _declared: Declared) -> Samples:
    # charls searches for minutes behind the end of a codestream that has none.
    return imagecodecs.jpegls_decode(content + _END_OF_IMAGE)


def _jpeg_2000(_pixels: Pixels, content: bytes, _declared: Declared) -> Samples:
    return imagecodecs.jpeg2k_decode(content, numthreads=1)


def _jpeg_xl(_pixels: Pixels, content: bytes, _declared: Declared) -> Samples:
    return imagecodecs.jpegxl_decode(content, numthreads=1, keeporientation=True)


_DECODERS: Final[Mapping[Codec, Callable[[Pixels, bytes, Declared], Samples]]] = {
    Codec.JPEG: _jpeg,
    Codec.JPEG_LOSSLESS: _jpeg_lossless,
    Codec.JPEG_LS: _jpeg_ls,
    Codec.JPEG_2000: _jpeg_2000,
    Codec.HTJ2K: _jpeg_2000,
    Codec.JPEG_XL: _jpeg_xl,
}
