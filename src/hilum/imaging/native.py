"""Frames that are not compressed: bytes to samples. Needs the extra `pixels`."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.dicom.byte_order import swapped
from hilum.imaging.pixels import Numbers, Pixels
from hilum.imaging.refusal import DamagedPixels

Samples = NDArray[Any]  # rows x columns, of colours x 3


def native_samples(pixels: Pixels, content: bytes, step: int = 0) -> Samples:
    """Give the samples of a native frame as they lie there, the first `step` bits left out.

    Raises:
        DamagedPixels: there are fewer bytes than a frame has.
    """
    if pixels.is_subsampled and len(content) >= _full_bytes(pixels):
        # Seen: YBR_FULL_422 is still said of samples that were put back.
        pixels = replace(pixels, photometric="YBR_FULL")
    size = (pixels.frame_bits + step + 7) // 8
    if len(content) < size:
        raise DamagedPixels(f"the frame has {len(content):,} bytes, {size:,} are expected")
    if pixels.swapped_bytes > 1 and pixels.bits_allocated <= 8:
        # Samples of a byte lie in words of two, the last one beside padding.
        content = swapped(content, pixels.swapped_bytes)
    content = content[:size]
    if pixels.bits_allocated == 1:
        count = pixels.rows * pixels.columns
        bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
        return bits[step : step + count].reshape(pixels.rows, pixels.columns)
    flat = np.frombuffer(content, _type_of(pixels))
    if pixels.is_subsampled:
        return _full_color(pixels, flat)
    if not pixels.is_color:
        return flat.reshape(pixels.rows, pixels.columns)
    if pixels.is_planar:
        return np.moveaxis(flat.reshape(3, pixels.rows, pixels.columns), 0, -1)
    return flat.reshape(pixels.rows, pixels.columns, 3)


def _full_bytes(pixels: Pixels) -> int:
    return pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated // 8


def _type_of(pixels: Pixels) -> np.dtype[Any]:
    order = ">" if pixels.swapped_bytes > 1 else "<"
    if pixels.numbers is not Numbers.INTEGER:
        return np.dtype(f"{order}f{pixels.numbers.bytes_each}")
    return np.dtype(f"{order}u{pixels.bits_allocated // 8}")


def _full_color(pixels: Pixels, flat: Samples) -> Samples:
    """Give both pixels of a pair the colour that they share: Y Y Cb Cr (PS3.3 §C.7.6.3.1.2)."""
    if pixels.columns % 2:
        raise DamagedPixels("pixels share their colour in pairs, and Columns is odd")
    pairs = flat.reshape(-1, 4)
    full = np.empty((len(pairs) * 2, 3), flat.dtype)
    full[0::2, 0] = pairs[:, 0]
    full[1::2, 0] = pairs[:, 1]
    full[:, 1] = np.repeat(pairs[:, 2], 2)
    full[:, 2] = np.repeat(pairs[:, 3], 2)
    return full.reshape(pixels.rows, pixels.columns, 3)
