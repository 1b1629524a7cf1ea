"""From values to colours: RGB of 8 bits each. Needs the extra `pixels`."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hilum.imaging.look import Look
from hilum.imaging.lookup import Lookup
from hilum.imaging.native import Samples
from hilum.imaging.pixels import Pixels
from hilum.imaging.shading import Shades, entries_of

# ITU-R BT.601 with 16 to 235 and 16 to 240 (PS3.3 §C.7.6.3.1.2, YBR_PARTIAL_422).
_PARTIAL: Final = ((1.1644, 0.0, 1.5960), (1.1644, -0.3917, -0.8129), (1.1644, 2.0173, 0.0))


def colors_of(pixels: Pixels, photometric: str, values: Samples) -> Image.Image:
    """Give the picture of pixels that are colours."""
    samples = np.ascontiguousarray(_eight_bits(pixels, values))
    if photometric == "YBR_PARTIAL_422":
        samples = _from_partial(samples)
    mode = "YCbCr" if photometric == "YBR_FULL" else "RGB"
    size = (samples.shape[1], samples.shape[0])
    return Image.frombuffer(mode, size, samples.tobytes(), "raw", mode, 0, 1).convert("RGB")


def palette_colors(look: Look, values: Samples) -> Image.Image:
    """Give the picture of pixels that are places in a palette (PS3.3 §C.7.6.3.1.5)."""
    if look.palette is None:
        raise ValueError("a picture by palette needs one")
    first = look.palette[0].first
    count = max(color.count for color in look.palette)
    table = np.stack([_colors(color, count) for color in look.palette], axis=-1)
    places = np.clip(values.astype(np.int64) - first, 0, count - 1)
    return Image.fromarray(table[places])


def _colors(color: Lookup, count: int) -> NDArray[np.uint8]:
    """Give the entries of one colour in 8 bits, the last one again where others have more."""
    entries = entries_of(color)
    # Seen: entries of 8 bits in tables that say 16.
    shift = 8 if color.bits > 8 and entries.max() > 255 else 0
    eight = (entries >> shift).astype(np.uint8)
    return np.pad(eight, (0, count - len(eight)), mode="edge")


def _eight_bits(pixels: Pixels, values: Samples) -> Shades:
    if pixels.bits_stored > 8:
        codes: NDArray[Any] = values.view(f"u{values.dtype.itemsize}")
        highest: Shades = (codes >> (pixels.bits_stored - 8)).astype(np.uint8)
        return highest
    if pixels.bits_stored < 8:
        stretched: Shades = (values * (255 / ((1 << pixels.bits_stored) - 1))).astype(np.uint8)
        return stretched
    whole: Shades = values.astype(np.uint8, copy=False)
    return whole


def _from_partial(samples: Shades) -> Shades:
    shifted = samples.astype(np.float32) - np.array([16, 128, 128], np.float32)
    mixed = shifted @ np.array(_PARTIAL, np.float32).T
    unmixed: Shades = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return unmixed
