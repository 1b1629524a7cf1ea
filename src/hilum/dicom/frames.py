"""Frames of pixels: how large each is, and which fragments it is made of (PS3.5 §8, §A.4).

Decides from headers and tables; never looks at a pixel but at the first bytes of a fragment.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from hilum.dicom import tags
from hilum.dicom.header import Header

SAMPLES_PER_PIXEL: Final = 0x00280002
PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
EXTENDED_OFFSETS: Final = 0x7FE00001
EXTENDED_LENGTHS: Final = 0x7FE00002
LAYOUT_TAGS: Final = frozenset(
    (
        SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, tags.NUMBER_OF_FRAMES, tags.ROWS,
        tags.COLUMNS, tags.BITS_ALLOCATED,
    )
)  # fmt: skip

_FLOAT_BITS: Final = {tags.FLOAT_PIXEL_DATA: 32, tags.DOUBLE_FLOAT_PIXEL_DATA: 64}
_SUBSAMPLED: Final = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))
# How streams of codecs begin: JPEG and JPEG-LS, JPEG 2000 bare and in boxes, JPEG XL the same.
_BEGINNINGS: Final = (
    b"\xff\xd8\xff",
    b"\xff\x4f\xff\x51",
    b"\0\0\0\x0cjP  ",
    b"\xff\x0a",
    b"\0\0\0\x0cJXL ",
)
BEGINNING_BYTES: Final = max(map(len, _BEGINNINGS))


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """What a data set says of its pixels; numbers that make no sense are 0."""

    tag: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    frames: int
    is_subsampled: bool

    @property
    def full_frame_bits(self) -> int:
        """The size of a native frame with all its samples."""
        return self.rows * self.columns * self.samples * self.bits_allocated

    def frame_bits(self, pixel_bytes: int) -> int:
        """Give the size of a native frame among so many bytes of pixels.

        Two pixels of YBR 4:2:2 share their colours (PS3.3 §C.7.6.3.1.2), if there are not bytes
        for more: the word stays where the samples were put back.
        """
        full = self.full_frame_bits
        if self.is_subsampled and pixel_bytes * 8 < full * self.frames:
            return self.rows * self.columns * 2 * self.bits_allocated
        return full


def layout_of(header: Header, tag: int) -> PixelLayout:
    """Read how pixels are laid out; `tag` is of those that were found."""
    photometric = header.text(PHOTOMETRIC_INTERPRETATION).upper()
    return PixelLayout(
        tag,
        rows=header.integer(tags.ROWS) or 0,
        columns=header.integer(tags.COLUMNS) or 0,
        samples=header.integer(SAMPLES_PER_PIXEL) or 1,
        bits_allocated=_FLOAT_BITS.get(tag) or header.integer(tags.BITS_ALLOCATED) or 0,
        frames=max(header.integer(tags.NUMBER_OF_FRAMES) or 1, 1),
        is_subsampled=photometric in _SUBSAMPLED,
    )


def begins_stream(first_bytes: bytes) -> bool:
    """Tell whether a fragment is the first of its frame, as far as its codec shows."""
    return first_bytes.startswith(_BEGINNINGS)


@dataclass(slots=True)
class Fragments:
    """The fragments of pixels in their order. `begin_streams`: 1 for those that do."""

    positions: "array[int]" = field(default_factory=lambda: array("Q"))
    lengths: "array[int]" = field(default_factory=lambda: array("Q"))
    begin_streams: bytearray = field(default_factory=bytearray)

    def add(self, position: int, length: int, first_bytes: bytes) -> None:
        """Note one more."""
        self.positions.append(position)
        self.lengths.append(length)
        self.begin_streams.append(begins_stream(first_bytes))

    def __len__(self) -> int:
        return len(self.positions)


def firsts_of(fragments: Fragments, frames: int) -> Sequence[int] | None:
    """Give the number of the first fragment of each frame, without any table.

    None: it cannot be told. There may be fewer frames than were promised.
    """
    count = len(fragments)
    if frames == 1:
        return range(min(count, 1))
    if count <= frames:
        return range(count)
    streams = [number for number, begins in enumerate(fragments.begin_streams) if begins]
    if streams and not streams[0] and len(streams) <= frames:
        return array("Q", streams)
    return None


def believable(offsets: Sequence[int], frames: int) -> bool:
    """Tell whether a table could be right: an offset for each frame, ascending from zero."""
    return (
        len(offsets) == frames
        and not offsets[0]
        and all(one < other for one, other in pairwise(offsets))
    )
