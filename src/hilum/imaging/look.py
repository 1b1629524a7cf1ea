"""How a data set wants a frame to be seen: what its values mean, and which of them are shown.

Of images with functional groups, each frame has its own (PS3.3 §C.7.6.16.2.9, §C.7.6.16.2.10).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicomweb.rendering import VoiFunction, Window
from hilum.imaging.limits import ASPECT_MAX
from hilum.imaging.lookup import Lookup, lookup_of
from hilum.imaging.pixels import Pixels
from hilum.imaging.refusal import NoPicture

_PIXEL_SPACING: Final = 0x00280030
_PIXEL_ASPECT_RATIO: Final = 0x00280034
_PIXEL_PADDING_VALUE: Final = 0x00280120
_PIXEL_PADDING_RANGE_LIMIT: Final = 0x00280121
_WINDOW_CENTER: Final = 0x00281050
_WINDOW_WIDTH: Final = 0x00281051
_RESCALE_INTERCEPT: Final = 0x00281052
_RESCALE_SLOPE: Final = 0x00281053
_VOI_LUT_FUNCTION: Final = 0x00281056
_PALETTE_DESCRIPTOR: Final = 0x00281101  # of red; green and blue follow
_PALETTE_DATA: Final = 0x00281201
_PALETTE_SEGMENTS: Final = 0x00281221
_MODALITY_LUT_SEQUENCE: Final = 0x00283000
_LUT_DESCRIPTOR: Final = 0x00283002
_LUT_DATA: Final = 0x00283006
_VOI_LUT_SEQUENCE: Final = 0x00283010
_SHARED_GROUPS: Final = 0x52009229
_FRAME_GROUPS: Final = 0x52009230
_FRAME_VOI: Final = 0x00289132
_FRAME_TRANSFORMATION: Final = 0x00289145
_PIXEL_MEASURES: Final = 0x00289110

_FUNCTIONS: Final = {
    "LINEAR_EXACT": VoiFunction.LINEAR_EXACT,
    "SIGMOID": VoiFunction.SIGMOID,
}
_NUMBER_MAX: Final = 1e30
_NARROWEST: Final = 1e-12
_SQUARE: Final = 0.01  # a picture is not resized for less than a percent


@dataclass(frozen=True, slots=True)
class Look:
    """How one frame is to be seen.

    `modality`: the table, or None and a line. `voi`: a window, a table, or None: what there is.
    `padding`: values that are no image. `aspect`: height of a pixel by its width.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality: Lookup | None = None
    voi: Window | Lookup | None = None
    palette: tuple[Lookup, Lookup, Lookup] | None = None
    padding: tuple[int, int] | None = None
    aspect: float = 1.0


def look_of(data_set: DataSet, pixels: Pixels, frame: int) -> Look:
    """Read how a frame wants to be seen, the first being 0.

    Raises:
        NoPicture: its colours are in a palette that is not there.
    """
    places = list(_places(data_set, frame))
    slope, intercept = _rescale(places)
    modality = _table(data_set, _MODALITY_LUT_SEQUENCE, is_signed=pixels.is_signed)
    # Values behind a modality table or line may be negative whatever the stored ones are.
    can_be_negative = pixels.is_signed or intercept < 0
    return Look(
        slope=slope,
        intercept=intercept,
        modality=modality,
        voi=_voi(places, can_be_negative=modality is None and can_be_negative),
        palette=_palette(data_set) if pixels.photometric == "PALETTE COLOR" else None,
        padding=_padding(data_set),
        aspect=_aspect(places),
    )


def _places(data_set: DataSet, frame: int) -> Iterator[DataSet]:
    """Give where attributes of a frame may be: the nearest first."""
    macros = (_FRAME_VOI, _FRAME_TRANSFORMATION, _PIXEL_MEASURES)
    own = data_set.items(_FRAME_GROUPS)
    for groups in (own[frame : frame + 1], data_set.items(_SHARED_GROUPS)[:1]):
        for group in groups:
            for macro in macros:
                yield from group.items(macro)[:1]
    yield data_set


def _rescale(places: list[DataSet]) -> tuple[float, float]:
    for place in places:
        slope, intercept = place.numbers(_RESCALE_SLOPE), place.numbers(_RESCALE_INTERCEPT)
        if slope and intercept:
            # A slope of 0 would make every image a plain.
            line = (float(slope[0]), float(intercept[0]))
            return line if slope[0] and _is_real(*line) else (1.0, 0.0)
    return 1.0, 0.0


def _is_real(*numbers: float) -> bool:
    """Tell whether numbers can be calculated with: not endless, and short of overflowing."""
    return all(abs(number) < _NUMBER_MAX for number in numbers)


def _voi(places: list[DataSet], *, can_be_negative: bool) -> Window | Lookup | None:
    """Give the first window, or else the first table."""
    for place in places:
        window = _window(place)
        if window is not None:
            return window
    for place in places:
        table = _table(place, _VOI_LUT_SEQUENCE, is_signed=can_be_negative)
        if table is not None:
            return table
    return None


def _window(place: DataSet) -> Window | None:
    centers, widths = place.numbers(_WINDOW_CENTER), place.numbers(_WINDOW_WIDTH)
    if not centers or not widths:
        return None
    function = _FUNCTIONS.get(place.text(_VOI_LUT_FUNCTION).upper(), VoiFunction.LINEAR)
    narrowest = 1.0 if function is VoiFunction.LINEAR else _NARROWEST
    if not (widths[0] >= narrowest and _is_real(centers[0], widths[0])):
        return None
    return Window(float(centers[0]), float(widths[0]), function)


def _table(place: DataSet, sequence: int, *, is_signed: bool) -> Lookup | None:
    for item in place.items(sequence)[:1]:
        return lookup_of(item, _LUT_DESCRIPTOR, _LUT_DATA, is_signed=is_signed)
    return None


def _palette(data_set: DataSet) -> tuple[Lookup, Lookup, Lookup]:
    colors = [
        lookup_of(
            data_set,
            _PALETTE_DESCRIPTOR + color,
            _PALETTE_DATA + color,
            is_signed=False,
            segmented=_PALETTE_SEGMENTS + color,
        )
        for color in range(3)
    ]
    red, green, blue = colors
    if red is None or green is None or blue is None:
        raise NoPicture("its palette is not there, or has no meaning")
    return red, green, blue


def _padding(data_set: DataSet) -> tuple[int, int] | None:
    value = data_set.integer(_PIXEL_PADDING_VALUE)
    if value is None:
        return None
    limit = data_set.integer(_PIXEL_PADDING_RANGE_LIMIT)
    other = value if limit is None else limit
    return min(value, other), max(value, other)


def _aspect(places: list[DataSet]) -> float:
    """Give the height of a pixel by its width; 1 when it is not told, or not believable."""
    for tag in (_PIXEL_ASPECT_RATIO, _PIXEL_SPACING):
        for place in places:
            sides = place.numbers(tag)
            if len(sides) >= 2 and sides[0] > 0 and sides[1] > 0:
                ratio = sides[0] / sides[1]
                is_odd = abs(ratio - 1) > _SQUARE and 1 / ASPECT_MAX <= ratio <= ASPECT_MAX
                return ratio if is_odd else 1.0
    return 1.0
