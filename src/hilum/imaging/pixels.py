"""What a data set says of its pixels: all that decoding one frame of them needs (PS3.3 §C.7.6.3).

Read and judged without looking at a pixel; needs none of the extra `pixels`.
"""

import enum
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.imaging.limits import FRAME_BYTES_MAX, SIDE_PIXELS_MAX
from hilum.imaging.refusal import NoPicture
from hilum.imaging.syntaxes import Codec, codec_of

_SAMPLES_PER_PIXEL: Final = 0x00280002
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_BITS_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_PIXEL_REPRESENTATION: Final = 0x00280103

_MONOCHROME: Final = frozenset(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"))
_COLOR: Final = frozenset(
    ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")
)
_BITS_ALLOCATED: Final = frozenset((1, 8, 16, 32))


class Numbers(enum.Enum):
    """What a sample is."""

    INTEGER = "integer"
    FLOAT = "float"
    DOUBLE = "double"

    @property
    def bytes_each(self) -> int:
        """The size of a floating-point sample."""
        return 8 if self is Numbers.DOUBLE else 4


_KINDS: Final = {
    tags.PIXEL_DATA: Numbers.INTEGER,
    tags.FLOAT_PIXEL_DATA: Numbers.FLOAT,
    tags.DOUBLE_FLOAT_PIXEL_DATA: Numbers.DOUBLE,
}


@dataclass(frozen=True, slots=True)
class Pixels:
    """The form of every frame of an image.

    `is_planar`: colours one after the other. `swapped_bytes`: how many bytes a word has whose order
    must be turned round; 1: none must.
    """

    transfer_syntax_uid: str
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    is_planar: bool
    photometric: str
    frames: int
    numbers: Numbers = Numbers.INTEGER
    swapped_bytes: int = 1

    @property
    def is_color(self) -> bool:
        """Tell whether a pixel is a colour by itself."""
        return self.samples == 3

    @property
    def codec(self) -> Codec:
        """What reads a frame."""
        return codec_of(self.transfer_syntax_uid)

    @property
    def is_subsampled(self) -> bool:
        """Tell whether two pixels share their colour (PS3.3 §C.7.6.3.1.2); codecs undo it."""
        subsampled = self.photometric in {"YBR_FULL_422", "YBR_PARTIAL_422"}
        return subsampled and self.codec in {Codec.NATIVE, Codec.DEFLATE}

    @property
    def frame_bits(self) -> int:
        """The size of a native frame; of 1-bit images, frames begin inside of bytes."""
        pixels = self.rows * self.columns
        if self.is_subsampled:
            return pixels * 2 * self.bits_allocated
        return pixels * self.samples * self.bits_allocated

    def as_given_out(self) -> "Pixels":
        """Give these pixels for frames whose words were turned round already."""
        return replace(self, swapped_bytes=1)

    def place_of(self, frame: int) -> tuple[int, int, int]:
        """Give where a native frame is, the first being 0: first byte, bytes, bits to step over."""
        start, step = divmod(frame * self.frame_bits, 8)
        if self.swapped_bytes > 1 and start % 2:
            start, step = start - 1, step + 8
        size = (step + self.frame_bits + 7) // 8
        # Words that must be turned round come as a whole.
        return start, size + size % self.swapped_bytes, step


def pixels_of(data_set: DataSet, transfer_syntax_uid: str) -> Pixels:
    """Read what a data set says of its pixels.

    Raises:
        NoPicture: it has none, they are of a kind that cannot be shown, or larger than we decode.
    """
    tag = _pixel_tag(data_set)
    codec_of(transfer_syntax_uid)  # or there is no picture
    numbers = _KINDS[tag]
    allocated = _number(data_set, tags.BITS_ALLOCATED, 8 * numbers.bytes_each)
    stored = _number(data_set, _BITS_STORED, allocated)
    found = Pixels(
        transfer_syntax_uid=transfer_syntax_uid,
        rows=_number(data_set, tags.ROWS, 0),
        columns=_number(data_set, tags.COLUMNS, 0),
        samples=_number(data_set, _SAMPLES_PER_PIXEL, 1),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_number(data_set, _HIGH_BIT, stored - 1),
        is_signed=_number(data_set, _PIXEL_REPRESENTATION, 0) == 1,
        is_planar=_number(data_set, _PLANAR_CONFIGURATION, 0) == 1,
        photometric=data_set.text(_PHOTOMETRIC_INTERPRETATION).upper() or "MONOCHROME2",
        frames=max(_number(data_set, tags.NUMBER_OF_FRAMES, 1), 1),
        numbers=numbers,
        swapped_bytes=_swapped(data_set, tag, allocated),
    )
    _check(found)
    return found


def _pixel_tag(data_set: DataSet) -> int:
    for tag in _KINDS:
        if tag in data_set:
            return tag
    if tags.SPECTROSCOPY_DATA in data_set:
        raise NoPicture("it has spectra, not pixels")
    raise NoPicture("it has no pixels")


def _number(data_set: DataSet, tag: int, otherwise: int) -> int:
    found = data_set.integer(tag)
    return otherwise if found is None else found


def _swapped(data_set: DataSet, tag: int, allocated: int) -> int:
    """Tell how native bytes must be turned round: words of OW, also where a sample is a byte."""
    if data_set.little_endian:
        return 1
    if allocated > 8:
        return allocated // 8
    return 2 if data_set.vr(tag) == "OW" else 1


def _check(pixels: Pixels) -> None:
    if not (0 < pixels.rows <= SIDE_PIXELS_MAX and 0 < pixels.columns <= SIDE_PIXELS_MAX):
        raise NoPicture(
            f"Rows and Columns are {pixels.rows} and {pixels.columns}; pictures have from 1 to "
            f"{SIDE_PIXELS_MAX}"
        )
    if pixels.samples not in {1, 3}:
        raise NoPicture(f"Samples per Pixel is {pixels.samples}; pictures have 1 or 3")
    known = _COLOR if pixels.is_color else _MONOCHROME
    if pixels.photometric not in known:
        raise NoPicture(
            f"its Photometric Interpretation does not go with {pixels.samples} samples; known are "
            + ", ".join(sorted(known))
        )
    _check_bits(pixels)
    if pixels.frame_bits > FRAME_BYTES_MAX * 8:
        raise NoPicture(
            f"a frame has {pixels.frame_bits // 8:,} bytes; pictures are made of "
            f"{FRAME_BYTES_MAX:,} at most"
        )


def _check_bits(pixels: Pixels) -> None:
    if pixels.numbers is not Numbers.INTEGER:
        if pixels.samples != 1 or pixels.bits_allocated != 8 * pixels.numbers.bytes_each:
            raise NoPicture("floating-point pixels have one sample, of 32 or 64 bits")
        return
    if pixels.bits_allocated not in _BITS_ALLOCATED or (
        pixels.bits_allocated == 1 and pixels.samples != 1
    ):
        raise NoPicture(f"Bits Allocated is {pixels.bits_allocated}; known are 1, 8, 16 and 32")
    if not (
        0 < pixels.bits_stored <= pixels.bits_allocated
        and pixels.bits_stored - 1 <= pixels.high_bit < pixels.bits_allocated
    ):
        raise NoPicture(
            f"Bits Stored {pixels.bits_stored} and High Bit {pixels.high_bit} do not fit into "
            f"{pixels.bits_allocated} bits"
        )
