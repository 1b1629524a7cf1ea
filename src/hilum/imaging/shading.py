"""From values to shades of gray: modality, then values of interest (PS3.3 §C.11). Needs `pixels`.

Where values are of 16 bits or less, every possible one is shaded once, and the frame only looked
up.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hilum.dicomweb.rendering import VoiFunction, Window
from hilum.imaging.look import Look
from hilum.imaging.lookup import Lookup
from hilum.imaging.native import Samples
from hilum.imaging.pixels import Numbers, Pixels

Reals = NDArray[np.floating[Any]]
Shades = NDArray[np.uint8]

_WHITE: Final = 255.0
# Images of a series have the same one; a table of 16 bits is 64 KiB.
_SHADES_KEPT: Final = 64


def shades_of(pixels: Pixels, look: Look, window: Window | None, values: Samples) -> Shades:
    """Give the shade of every pixel, 0 to 255."""
    voi = window or look.voi or _everything(pixels, look, values)
    inverted = pixels.photometric == "MONOCHROME1"
    if values.dtype.itemsize > 2 or pixels.numbers is not Numbers.INTEGER:
        shades = _shaded(_meant(values, look, np.float32), voi)
        return np.subtract(255, shades) if inverted else shades
    table = _table(values.dtype.str, look, voi, inverted)
    shades_taken: Shades = table[values.view(f"u{values.dtype.itemsize}")]
    return shades_taken


@lru_cache(maxsize=_SHADES_KEPT)
def _table(kind: str, look: Look, voi: Window | Lookup, inverted: bool) -> Shades:  # noqa: FBT001 - a key
    """Shade every value of a type, in the order of their codes."""
    width = np.dtype(kind).itemsize
    every = np.arange(1 << 8 * width, dtype=f"u{width}").view(kind)
    shades = _shaded(_meant(every, look, np.float64), voi)
    return np.subtract(255, shades) if inverted else shades


def _meant(values: Samples, look: Look, kind: type[np.floating[Any]]) -> Reals:
    """Give what stored values mean (PS3.3 §C.11.1)."""
    if look.modality is not None:
        meant: Reals = entries_of(look.modality)[_places(values, look.modality)].astype(kind)
        return meant
    reals: Reals = values.astype(kind)
    if look.slope != 1.0 or look.intercept != 0.0:
        reals *= kind(look.slope)
        reals += kind(look.intercept)
    return reals


def entries_of(table: Lookup) -> NDArray[np.uint16]:
    """Give the entries of a table."""
    return np.frombuffer(table.entries, np.uint16)


def _places(values: NDArray[Any], table: Lookup) -> NDArray[np.int64]:
    return np.clip(values.astype(np.int64) - table.first, 0, table.count - 1)


def _shaded(reals: Reals, voi: Window | Lookup) -> Shades:
    if isinstance(voi, Lookup):
        entries = entries_of(voi)
        # Seen: tables of 12 bits that say 8, so the brightest entry is white if it is brighter.
        white = max((1 << voi.bits) - 1, int(entries.max()))
        shades = (entries.astype(np.float64) * (_WHITE / white) + 0.5).astype(np.uint8)
        taken: Shades = shades[_places(np.rint(np.clip(reals, -(2.0**31), 2.0**31)), voi)]
        return taken
    with np.errstate(all="ignore"):  # sigmoids overflow to where they end
        shares = _share(reals, voi)
    shades = np.clip(shares * _WHITE + 0.5, 0, _WHITE)
    return np.nan_to_num(shades, copy=False).astype(np.uint8)


def _share(reals: Reals, window: Window) -> Reals:
    """Give how bright values are, mostly from 0 to 1 (PS3.3 §C.11.2.1.2, §C.11.2.1.3)."""
    match window.function:
        case VoiFunction.SIGMOID:
            bright: Reals = 1 / (1 + np.exp(-4 * ((reals - window.center) / window.width)))
            return bright
        case VoiFunction.LINEAR_EXACT:
            return (reals - window.center) / window.width + 0.5
        case VoiFunction.LINEAR:
            if window.width == 1:
                return (reals > window.center - 0.5).astype(reals.dtype)
            return (reals - (window.center - 0.5)) / (window.width - 1) + 0.5


def _everything(pixels: Pixels, look: Look, values: Samples) -> Window:
    """Make a window of what there is: all of 8 bits, or from the darkest to the brightest."""
    is_plain = look.modality is None and look.slope == 1.0 and look.intercept == 0.0
    if pixels.bits_stored <= 8 and is_plain and not pixels.is_signed:
        low, high = 0.0, float((1 << pixels.bits_stored) - 1)
    else:
        low, high = _extremes(look, values)
    width = high - low
    # Of a plain without any shade, everything is dark.
    width, center = (width, low + width / 2) if width > 0 else (1.0, low + 0.5)
    return Window(center, width, VoiFunction.LINEAR_EXACT)


def _extremes(look: Look, values: Samples) -> tuple[float, float]:
    """Give the least and the greatest meaning of values that are image."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    elif look.padding is not None:
        low, high = look.padding
        values = values[(values < low) | (values > high)]
    if not values.size:
        return 0.0, 0.0
    if look.modality is None:
        ends = _meant(np.array([values.min(), values.max()]), look, np.float64)
    else:
        ends = _meant(values, look, np.float32)
    return float(ends.min()), float(ends.max())
