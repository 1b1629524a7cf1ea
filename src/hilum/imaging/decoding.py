"""From the bytes of a frame to the values that were stored in it. Needs the extra `pixels`."""

import numpy as np

from hilum.imaging.codecs import photometric_of, samples_of
from hilum.imaging.native import Samples
from hilum.imaging.pixels import Numbers, Pixels
from hilum.imaging.plain import PlainFrame
from hilum.imaging.syntaxes import Codec


def decode_frame(pixels: Pixels, content: bytes, step: int = 0) -> PlainFrame:
    """Decode one frame to the bytes that it would have uncompressed.

    Raises:
        DamagedPixels: it is no frame of these pixels.
    """
    values = stored_values(pixels, content, step)
    if pixels.numbers is not Numbers.INTEGER:
        return PlainFrame(values.astype(f"<f{pixels.numbers.bytes_each}").tobytes(), "MONOCHROME2")
    if pixels.bits_allocated == 1:
        packed = np.packbits(values.astype(np.uint8), bitorder="little")
        return PlainFrame(packed.tobytes(), photometric_of(pixels))
    kind = "i" if pixels.is_signed else "u"
    width = pixels.bits_allocated // 8
    # No copy where it is so already.
    plain = values.astype(f"<{kind}{width}", copy=False)
    return PlainFrame(plain.tobytes(), photometric_of(pixels))


def stored_values(pixels: Pixels, content: bytes, step: int = 0) -> Samples:
    """Decode one frame to numbers: what is beside the stored bits is left out (PS3.5 §8.1.1).

    Raises:
        DamagedPixels: it is no frame of these pixels.
    """
    samples = samples_of(pixels, content, step)
    if pixels.numbers is not Numbers.INTEGER:
        return samples
    return _signed(pixels, _codes(pixels, samples))


def _codes(pixels: Pixels, samples: Samples) -> Samples:
    """Cut the stored bits out of what was allocated; codecs give them at the lower end."""
    width = samples.dtype.itemsize
    codes = samples.astype(f"u{width}", copy=False)
    low = pixels.high_bit + 1 - pixels.bits_stored
    if low and pixels.codec in {Codec.NATIVE, Codec.DEFLATE, Codec.RLE}:
        codes = codes >> low
    if pixels.bits_stored < 8 * width:
        codes = codes & codes.dtype.type((1 << pixels.bits_stored) - 1)
    return codes


def _signed(pixels: Pixels, codes: Samples) -> Samples:
    """Read codes as two's complements of the stored bits."""
    if not pixels.is_signed:
        return codes
    width = codes.dtype.itemsize
    if pixels.bits_stored >= 8 * width:
        # Of a codec that gives fewer bits than are stored, numbers are positive: they keep so.
        narrow = pixels.bits_stored > 8 * width
        return codes.astype(f"i{2 * width}") if narrow else codes.view(f"i{width}")
    sign = codes.dtype.type(1 << (pixels.bits_stored - 1))
    extended: Samples = np.subtract(
        (codes ^ sign).view(f"i{width}"), np.int64(sign), dtype=f"i{width}"
    )
    return extended
