"""What the first bytes of a compressed image say of it (PS3.18 §10.5.2).

Enough to name its transfer syntax, and to fill in the description that a store may leave out.
Knows the JPEG family (ISO 10918-1, 14495-1) and JPEG 2000 (ISO 15444-1). Never decodes.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

_MARKERS_MAX: Final = 1000  # in front of a frame; a profile of colours takes some dozens
_JPEG_START: Final = b"\xff\xd8"
_J2K_START: Final = b"\xff\x4f\xff\x51"
# Start of frame by the kind of coding; DHT, JPG and DAC have numbers among them.
_BASELINE: Final = 0xC0
_EXTENDED: Final = 0xC1
_LOSSLESS: Final = 0xC3
_JPEG_LS: Final = 0xF7
_FRAMES: Final = frozenset((_BASELINE, _EXTENDED, _LOSSLESS, _JPEG_LS))
_SCAN: Final = 0xDA
_ALONE: Final = frozenset((0x01, 0xD8, *range(0xD0, 0xD8)))
_SIZ: Final = Struct(">HHIIIIIIIIH")

_JPEG_SYNTAXES: Final = {
    _BASELINE: "1.2.840.10008.1.2.4.50",
    _EXTENDED: "1.2.840.10008.1.2.4.51",
}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """One compressed image."""

    transfer_syntax_uid: str
    rows: int
    columns: int
    samples: int
    bits: int
    is_signed: bool
    photometric_interpretation: str


def image_header(head: bytes) -> ImageHeader | None:
    """Read the first bytes of an image; None: it is none of those that are known here."""
    try:
        if head.startswith(_JPEG_START):
            return _jpeg(head)
        at = head.find(_J2K_START)  # behind the boxes of a JP2 file
        return _jpeg_2000(head, at) if at >= 0 else None
    except IndexError:
        return None


def _jpeg(head: bytes) -> ImageHeader | None:
    """Go from marker to marker up to the scan: its parameters tell the lossless kinds apart."""
    frame: tuple[int, bytes] | None = None
    at = 2
    for _ in range(_MARKERS_MAX):
        if at + 4 > len(head) or head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(head[at + 2 : at + 4])
        segment = head[at + 4 : at + 2 + length]
        if marker in _FRAMES:
            frame = marker, segment
        elif marker == _SCAN:
            return _of_frame(*frame, segment) if frame else None
        at += 2 + max(length, 2)
    return None


def _of_frame(marker: int, frame: bytes, scan: bytes) -> ImageHeader:
    samples = frame[5]
    return ImageHeader(
        _jpeg_syntax(marker, scan),
        rows=int.from_bytes(frame[1:3]),
        columns=int.from_bytes(frame[3:5]),
        samples=samples,
        bits=frame[0],
        is_signed=False,
        photometric_interpretation=_colours(marker, samples),
    )


def _jpeg_syntax(marker: int, scan: bytes) -> str:
    selection = scan[1 + 2 * scan[0]]  # predictor of lossless JPEG, NEAR of JPEG-LS
    if marker == _JPEG_LS:
        return "1.2.840.10008.1.2.4.80" if selection == 0 else "1.2.840.10008.1.2.4.81"
    if marker == _LOSSLESS:
        return "1.2.840.10008.1.2.4.70" if selection == 1 else "1.2.840.10008.1.2.4.57"
    return _JPEG_SYNTAXES[marker]


def _colours(marker: int, samples: int) -> str:
    if samples == 1:
        return "MONOCHROME2"
    # JFIF has YCbCr; the lossless kinds keep what they are given (PS3.5 §8.2.1, §8.2.3).
    return "YBR_FULL_422" if marker in _JPEG_SYNTAXES else "RGB"


def _jpeg_2000(head: bytes, at: int) -> ImageHeader | None:
    start = at + 4
    if start + _SIZ.size + 3 > len(head):
        return None
    _, _, right, bottom, left, top, *_, samples = _SIZ.unpack_from(head, start)
    depth = head[start + _SIZ.size]
    transform = _transform(head, start)
    if transform is None:
        return None
    is_reversible, mixes = transform
    colours = ("YBR_RCT" if is_reversible else "YBR_ICT") if mixes else "RGB"
    return ImageHeader(
        "1.2.840.10008.1.2.4.90" if is_reversible else "1.2.840.10008.1.2.4.91",
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        bits=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
        photometric_interpretation=colours if samples > 1 else "MONOCHROME2",
    )


def _transform(head: bytes, at: int) -> tuple[bool, bool] | None:
    """Find the coding style: whether it is reversible, and whether it mixes the components."""
    for _ in range(_MARKERS_MAX):
        at += int.from_bytes(head[at : at + 2])
        marker, at = head[at : at + 2], at + 4
        if marker == b"\xff\x52":
            return head[at + 9] == 1, head[at + 4] == 1
        if len(marker) < 2 or marker == b"\xff\x90":
            return None
        at -= 2
    return None
