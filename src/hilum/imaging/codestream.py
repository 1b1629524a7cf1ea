"""What the header of a compressed frame says of its size, read without decoding it.

A codec makes room for what the codestream declares: so that is compared with the data set first.
"""

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Final

from hilum.imaging.bits import BitReader
from hilum.imaging.limits import MARKERS_MAX, SAMPLES_MAX
from hilum.imaging.refusal import DamagedPixels
from hilum.imaging.syntaxes import Codec

_SOF: Final = Struct(">HBHHB")  # length, precision, rows, columns, samples (ISO 10918-1 §B.2.2)
_LENGTH: Final = Struct(">H")
_SIZ: Final = Struct(">HHIIIIIIIIH")  # ISO 15444-1 §A.5.1
_BOX: Final = Struct(">I4s")
_RLE: Final = Struct("<16I")  # PS3.5 §G.5

_JPEG_START: Final = b"\xff\xd8"
_J2K_START: Final = b"\xff\x4f\xff\x51"
_JXL_START: Final = b"\xff\x0a"
# SOF0 to SOF15 without DHT, JPG and DAC, and SOF55 of JPEG-LS.
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_SCAN: Final = 0xDA
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment
_ADOBE: Final = 0xEE
_JFIF: Final = 0xE0
_RLE_SEGMENTS_MAX: Final = 15
_JXL_RATIOS: Final = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Declared:
    """What a codestream says that it has.

    `transform`: of an Adobe marker, -1 without one. `names`: of the components of a JPEG.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    is_signed: bool = False
    transform: int = -1
    is_jfif: bool = False
    names: bytes = b""


def declared_by(codec: Codec, stream: bytes) -> Declared:
    """Read what a compressed frame declares.

    Raises:
        DamagedPixels: it is not a codestream of that kind, or declares what no image has.
    """
    if codec in {Codec.JPEG_2000, Codec.HTJ2K}:
        found = _jpeg_2000(stream)
    elif codec is Codec.JPEG_XL:
        found = _jpeg_xl(stream)
    else:
        found = _jpeg(stream)
    if not 0 < found.samples <= SAMPLES_MAX:
        raise DamagedPixels(f"the codestream has {found.samples} components")
    return found


def rle_segments(stream: bytes, number: int) -> list[tuple[int, int]]:
    """Give where the segments of an RLE frame begin and end.

    Raises:
        DamagedPixels: there are not `number` of them, or they are not inside the frame.
    """
    if len(stream) < _RLE.size:
        raise DamagedPixels("the RLE frame is shorter than its header")
    count, *offsets = _RLE.unpack_from(stream)
    if count != number or count > _RLE_SEGMENTS_MAX:
        raise DamagedPixels(f"the RLE frame has {count} segments, {number} are expected")
    edges = [*offsets[:count], len(stream)]
    places = list(pairwise(edges))
    if edges[0] < _RLE.size or any(start >= end for start, end in places):
        raise DamagedPixels("the segments of the RLE frame are not where its header says")
    return places


def _jpeg(stream: bytes) -> Declared:
    """Step from marker to marker up to the frame header."""
    at = stream.find(_JPEG_START, 0, 16)
    if at < 0:
        raise DamagedPixels("the frame is not a JPEG codestream")
    at += 2
    transform, is_jfif = -1, False
    for _ in range(MARKERS_MAX):
        marker, at = _marker(stream, at)
        if marker in _ALONE:
            continue
        if marker == _SCAN or at + 2 > len(stream):
            break
        (length,) = _LENGTH.unpack_from(stream, at)
        if marker in _FRAME_HEADERS:
            return _frame_header(stream, at, transform=transform, is_jfif=is_jfif)
        segment = stream[at + 2 : at + length]
        if marker == _ADOBE and segment.startswith(b"Adobe") and len(segment) >= 12:
            transform = segment[11]
        elif marker == _JFIF and segment.startswith(b"JFIF\0"):
            is_jfif = True
        at += length
    raise DamagedPixels("the JPEG codestream has no frame header")


def _marker(stream: bytes, at: int) -> tuple[int, int]:
    """Give the marker at a place and what is behind it; fill bytes may precede it."""
    if stream[at : at + 1] != b"\xff":
        raise DamagedPixels("something else stands where a JPEG marker should be")
    while at < len(stream) and stream[at] == 0xFF:
        at += 1
    if at == len(stream):
        raise DamagedPixels("the JPEG codestream ends before its frame header")
    return stream[at], at + 1


def _frame_header(stream: bytes, at: int, *, transform: int, is_jfif: bool) -> Declared:
    if at + _SOF.size > len(stream):
        raise DamagedPixels("the JPEG codestream ends inside its frame header")
    _, precision, rows, columns, samples = _SOF.unpack_from(stream, at)
    first = at + _SOF.size
    names = stream[first : first + 3 * samples : 3]
    return Declared(
        rows,
        columns,
        samples,
        precision,
        transform=transform,
        is_jfif=is_jfif,
        names=names,
    )


def _jpeg_2000(stream: bytes) -> Declared:
    at = 0 if stream.startswith(_J2K_START) else stream.find(_J2K_START, 0, 1 << 16)
    if at < 0:
        raise DamagedPixels("the frame is not a JPEG 2000 codestream")
    at += len(_J2K_START)
    if at + _SIZ.size + 3 > len(stream):
        raise DamagedPixels("the JPEG 2000 codestream ends inside its header")
    _, _, x_end, y_end, x, y, tile_x, tile_y, _, _, samples = _SIZ.unpack_from(stream, at)
    if x >= x_end or y >= y_end or not tile_x or not tile_y:
        raise DamagedPixels("the JPEG 2000 codestream has no area")
    depth = stream[at + _SIZ.size]
    rows, columns = y_end - y, x_end - x
    return Declared(rows, columns, samples, (depth & 0x7F) + 1, is_signed=bool(depth & 0x80))


def _jpeg_xl(stream: bytes) -> Declared:
    """Read the size header of a codestream, or of the one in a container (ISO 18181-1 §D.2)."""
    at = 2 if stream.startswith(_JXL_START) else _jxl_box(stream)
    bits = BitReader(stream[at : at + 16])
    is_small = bits.take(1) == 1
    rows = _jxl_side(bits, is_small=is_small)
    ratio = bits.take(3)
    if ratio:
        wide, high = _JXL_RATIOS[ratio - 1]
        columns = rows * wide // high
    else:
        columns = _jxl_side(bits, is_small=is_small)
    # Colours and depth are in a header that only the codec understands.
    return Declared(rows, columns, 1, 0)


def _jxl_side(bits: BitReader, *, is_small: bool) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _jxl_box(stream: bytes) -> int:
    """Find the codestream in a container of boxes (ISO 18181-2 §9)."""
    at = 0
    for _ in range(MARKERS_MAX):
        if at + _BOX.size > len(stream):
            break
        length, kind = _BOX.unpack_from(stream, at)
        start = at + _BOX.size
        if kind == b"jxlp":
            start += 4  # the number of the part
        if kind in {b"jxlc", b"jxlp"} and stream.startswith(_JXL_START, start):
            return start + 2
        if length < _BOX.size:
            break
        at += length
    raise DamagedPixels("the frame is not a JPEG XL codestream")
