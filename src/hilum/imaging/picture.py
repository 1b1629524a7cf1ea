"""What a picture is made of: all that is needed besides the bytes of the frame. Only values."""

from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicomweb.rendering import Rendering, Window
from hilum.dicomweb.wado_uri import Region
from hilum.imaging.look import Look, look_of
from hilum.imaging.pixels import Pixels
from hilum.imaging.viewport import Cut, cut_of

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
JPEG_2000: Final = "image/jp2"
# What can be made, the default first (PS3.18 Table 8.7.4-1).
PICTURE_TYPES: Final = (JPEG, PNG, GIF, JPEG_2000)
AS_IT_IS: Final = Rendering()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants pictures to be like. `region`: of WADO-URI."""

    media_type: str = JPEG
    rendering: Rendering = AS_IT_IS
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as it is to be seen.

    `window`: the one that was asked for. `step`: bits before the frame in its bytes.
    """

    pixels: Pixels
    look: Look
    cut: Cut
    window: Window | None
    media_type: str
    quality: int
    step: int = 0

    def behind(self, step: int) -> "Picture":
        """Give the picture of a frame that begins so many bits behind the start of its bytes."""
        return replace(self, step=step) if step else self


def picture_of(data_set: DataSet, pixels: Pixels, frame: int, wish: Wish) -> Picture:
    """Put together how a frame is to be seen, the first being 0.

    Raises:
        NoPicture: it cannot be shown, or not as large.
        RequestRefused: 400, it is asked for a part that the image has not.
    """
    look = look_of(data_set, pixels, frame)
    cut = cut_of(pixels, look.aspect, wish.rendering.viewport, wish.region)
    rendering = wish.rendering
    return Picture(pixels, look, cut, rendering.window, wish.media_type, rendering.quality)
