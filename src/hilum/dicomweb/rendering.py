"""How a picture is wanted: the parameters of rendered resources (PS3.18 §8.3.5)."""

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hilum.dicomweb.percent import once
from hilum.dicomweb.refusal import bad

VIEWPORT_PIXELS_MAX: Final = 16_384  # a side; screens have 8,000, and memory is the square of it
QUALITY_DEFAULT: Final = 90
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII
)

Pairs = tuple[tuple[str, str], ...]


class Annotation(Enum):
    """What is written into the picture."""

    PATIENT = "patient"
    TECHNIQUE = "technique"


class VoiFunction(Enum):
    """The shape of a window (PS3.3 §C.11.2.1.3)."""

    LINEAR = "linear"
    LINEAR_EXACT = "linear-exact"
    SIGMOID = "sigmoid"


class ColorProfile(Enum):
    """Colour spaces; NO: nothing said about it."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"
    ADOBE_RGB = "adobergb"
    ROMM_RGB = "rommrgb"


@dataclass(frozen=True, slots=True)
class Window:
    """Which stored values become visible."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR


@dataclass(frozen=True, slots=True)
class Viewport:
    """Width and height of the picture, which it fits into, and the part of the image that it shows.

    Of the source, None is: the left or upper edge, up to the right or lower edge. Flipped where its
    size was negative.
    """

    width: int
    height: int
    source_x: float | None = None
    source_y: float | None = None
    source_width: float | None = None
    source_height: float | None = None
    flips_horizontally: bool = False
    flips_vertically: bool = False

    @property
    def is_whole(self) -> bool:
        """Tell whether it only says a size: all that thumbnails may (PS3.18 §8.3.5.1.3)."""
        source = (self.source_x, self.source_y, self.source_width, self.source_height)
        return not any([*[one is not None for one in source], self.flips])

    @property
    def flips(self) -> bool:
        """Tell whether it is a mirror."""
        return self.flips_horizontally or self.flips_vertically


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a picture is wanted; None: as the image has it."""

    window: Window | None = None
    viewport: Viewport | None = None
    quality: int = QUALITY_DEFAULT
    annotations: frozenset[Annotation] = frozenset()
    color_profile: ColorProfile = ColorProfile.NO


def rendering_of(pairs: Pairs) -> Rendering:
    """Read the parameters of a rendered resource; others are ignored.

    Raises:
        RequestRefused: one has no meaning.
    """
    return Rendering(
        window=_window(once(pairs, "window")),
        viewport=_viewport(once(pairs, "viewport")),
        quality=quality_of_text(once(pairs, "quality"), "quality"),
        annotations=annotations_of(once(pairs, "annotation"), "annotation"),
        color_profile=_profile(once(pairs, "iccprofile")),
    )


def thumbnail_of(pairs: Pairs) -> Rendering:
    """Read the parameters of a thumbnail.

    Raises:
        RequestRefused: one has no meaning, or says more than a size.
    """
    viewport = _viewport(once(pairs, "viewport"))
    if viewport is not None and not viewport.is_whole:
        raise bad("viewport: a thumbnail has a width and a height only (PS3.18 §8.3.5.1.3)")
    return Rendering(viewport=viewport)


def quality_of_text(text: str, name: str) -> int:
    """Read a quality from 1 to 100; empty: the default.

    Raises:
        RequestRefused: it is none.
    """
    if not text:
        return QUALITY_DEFAULT
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:
        raise bad(f"{name}: expected a whole number from 1 to 100")
    return int(text)


def annotations_of(text: str, name: str) -> frozenset[Annotation]:
    """Read a list of annotations.

    Raises:
        RequestRefused: one of them is none.
    """
    words = [word.strip().lower() for word in text.split(",", maxsplit=8) if word.strip()]
    try:
        return frozenset([Annotation(word) for word in words])
    except ValueError as error:
        raise bad(f"{name}: expected patient, technique or both") from error


def size_of(text: str, name: str) -> int:
    """Read one side of a picture in pixels.

    Raises:
        RequestRefused: it is none, or larger than any screen.
    """
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= VIEWPORT_PIXELS_MAX:
        raise bad(f"{name}: expected pixels, from 1 to {VIEWPORT_PIXELS_MAX}")
    return int(text)


def number_of(text: str, name: str) -> float:
    """Read a decimal number.

    Raises:
        RequestRefused: it is none.
    """
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise bad(f"{name}: expected a number")
    return number


def window_of(center: str, width: str, function: VoiFunction, name: str) -> Window:
    """Make a window; a linear one has a width of 1 at least (PS3.3 §C.11.2.1.2.1).

    Raises:
        RequestRefused: it has no meaning.
    """
    window = Window(number_of(center, name), number_of(width, name), function)
    if window.width <= 0 or (function is VoiFunction.LINEAR and window.width < 1):
        raise bad(f"{name}: the width must be 1 or more, above 0 if it is not linear")
    return window


def _window(text: str) -> Window | None:
    if not text:
        return None
    parts = [part.strip() for part in text.split(",", maxsplit=4)]
    if len(parts) != 3 or not all(parts):
        raise bad("window: expected center,width,function (PS3.18 §8.3.5.1.4)")
    try:
        function = VoiFunction(parts[2].lower())
    except ValueError as error:
        raise bad("window: the function is linear, linear-exact or sigmoid") from error
    return window_of(parts[0], parts[1], function, "window")


def _viewport(text: str) -> Viewport | None:
    if not text:
        return None
    parts = [part.strip() for part in text.split(",", maxsplit=7)]
    if not 2 <= len(parts) <= 6:
        raise bad("viewport: expected vw,vh[,sx,sy,sw,sh] (PS3.18 §8.3.5.1.3)")
    source = [number_of(part, "viewport") if part else None for part in parts[2:]]
    x, y, width, height = [*source, None, None, None, None][:4]
    if width == 0 or height == 0 or (x or 0) < 0 or (y or 0) < 0:
        raise bad("viewport: the source begins inside the image and is not empty")
    return Viewport(
        width=size_of(parts[0], "viewport"),
        height=size_of(parts[1], "viewport"),
        source_x=x,
        source_y=y,
        source_width=None if width is None else abs(width),
        source_height=None if height is None else abs(height),
        flips_horizontally=(width or 0) < 0,
        flips_vertically=(height or 0) < 0,
    )


def _profile(text: str) -> ColorProfile:
    if not text:
        return ColorProfile.NO
    try:
        return ColorProfile(text.lower())
    except ValueError as error:
        names = ", ".join([one.value for one in ColorProfile])
        raise bad(f"iccprofile: expected one of {names}") from error
