"""Which part of an image is shown, and how large (PS3.18 §8.3.5.1.3).

Pixels of a picture are square: where those of the image are not, one side of it grows.
"""

from dataclasses import dataclass

from hilum.dicomweb.refusal import bad
from hilum.dicomweb.rendering import Viewport
from hilum.dicomweb.wado_uri import Region
from hilum.imaging.limits import PICTURE_PIXELS_MAX, SIDE_PIXELS_MAX
from hilum.imaging.pixels import Pixels
from hilum.imaging.refusal import NoPicture


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of an image in its pixels, and the picture that is made of it."""

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int
    flips_horizontally: bool = False
    flips_vertically: bool = False


def cut_of(
    pixels: Pixels, aspect: float, viewport: Viewport | None, region: Region | None = None
) -> Cut:
    """Give what is shown; `aspect`: height of a pixel by its width.

    Raises:
        RequestRefused: 400, the viewport begins outside of the image.
        NoPicture: the picture would be too large.
    """
    box = _box(pixels, viewport, region)
    wide = (box[2] - box[0]) * max(1 / aspect, 1)
    high = (box[3] - box[1]) * max(aspect, 1)
    if viewport is not None:
        # It fits: as large as possible, and its proportions are kept.
        scale = min(viewport.width / wide, viewport.height / high)
        wide, high = wide * scale, high * scale
    width, height = max(round(wide), 1), max(round(high), 1)
    if max(width, height) > SIDE_PIXELS_MAX or width * height > PICTURE_PIXELS_MAX:
        raise NoPicture(
            f"the picture would have {width} x {height} pixels; a viewport makes it less"
        )
    return Cut(
        *box,
        width,
        height,
        flips_horizontally=viewport is not None and viewport.flips_horizontally,
        flips_vertically=viewport is not None and viewport.flips_vertically,
    )


def _box(
    pixels: Pixels, viewport: Viewport | None, region: Region | None
) -> tuple[float, float, float, float]:
    """Give the edges of what is shown: left, top, right, bottom."""
    if region is not None:
        wide, high = pixels.columns, pixels.rows
        return region.left * wide, region.top * high, region.right * wide, region.bottom * high
    if viewport is None:
        return 0, 0, pixels.columns, pixels.rows
    left, right = _side(viewport.source_x, viewport.source_width, pixels.columns)
    top, bottom = _side(viewport.source_y, viewport.source_height, pixels.rows)
    return left, top, right, bottom


def _side(start: float | None, length: float | None, available: int) -> tuple[float, float]:
    first = start or 0.0
    if first >= available:
        raise bad(f"viewport: the source begins outside of an image of {available} pixels")
    return first, available if length is None else min(first + length, available)
