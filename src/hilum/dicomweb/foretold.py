"""Tells where a DICOM file in a body ends before it was read: where its pixel data say so.

To look for a boundary in half a megabyte of pixels costs a tenth of storing them.
"""

from struct import Struct
from typing import Final

_PIXEL_DATA: Final = b"\xe0\x7f\x10\x00"  # (7FE0,0010) in little endian
_LONG_VRS: Final = (b"OW", b"OB")  # with a length of 32 bits behind two reserved bytes
_LENGTH: Final = Struct("<I")
_EXPLICIT_BYTES: Final = 12
_IMPLICIT_BYTES: Final = 8
# What stands before the pixels of most images, a few times over.
_HEAD_BYTES_MAX: Final = 64 << 10
# In an icon there are pixel data as well.
_LOOKS_MAX: Final = 4
# A file whose end must be seen before its bytes are given on waits in memory until then.
AWAITED_BYTES_MAX: Final = 1 << 20


def begin_of_last_pixels(data: bytes | bytearray, at: int, end: int, *, size: int) -> int:
    """Give where pixel data begin that reach to the end of `size` bytes, which begin at `at`.

    `end`: no more of `data` is there. -1: nobody knows any.
    """
    found, last = at, min(end, at + _HEAD_BYTES_MAX)
    for _ in range(_LOOKS_MAX):
        found = data.find(_PIXEL_DATA, found, last)
        if found < 0 or found + _EXPLICIT_BYTES > end:
            break
        if _end_of_value(data, found) == at + size:
            return found
        found += len(_PIXEL_DATA)
    return -1


def likely_end(data: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    """Give where long pixel data begin in the file that begins at `at`, and where they end.

    `end`: no more of `data` is there. The end is beyond it perhaps; -1: nobody knows any.
    """
    found, last = at, min(end, at + _HEAD_BYTES_MAX)
    for _ in range(_LOOKS_MAX):
        found = data.find(_PIXEL_DATA, found, last)
        if found < 0 or found + _EXPLICIT_BYTES > end:
            break
        value_end = _end_of_value(data, found)
        if _HEAD_BYTES_MAX < value_end - at <= AWAITED_BYTES_MAX:
            return found, value_end
        found += len(_PIXEL_DATA)
    return -1, -1


def _end_of_value(data: bytes | bytearray, at: int) -> int:
    """Give where the value ends of the element that begins at `at`."""
    if data[at + 4 : at + 6] in _LONG_VRS:
        return at + _EXPLICIT_BYTES + int(_LENGTH.unpack_from(data, at + 8)[0])
    return at + _IMPLICIT_BYTES + int(_LENGTH.unpack_from(data, at + 4)[0])
