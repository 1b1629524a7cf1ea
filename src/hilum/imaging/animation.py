"""Pictures that move: GIFs of one frame put together to one of many (GIF89a), as they are drawn.

Nothing is decoded: the blocks of each are copied. Only GIFs that we wrote ourselves come in.
"""

from struct import Struct
from typing import Final

from hilum.dicom.dataset import DataSet

_HEADER_BYTES: Final = 13  # the signature and the logical screen
_SIZE: Final = Struct("<HH")
_FOREVER: Final = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
_TRAILER: Final = b";"
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_IMAGE_BYTES: Final = 10
_COLORS: Final = 0x80  # a flag: a table of colours follows
_COLOR_COUNT: Final = 0x07

_FRAME_TIME: Final = 0x00181063
_RATES: Final = (0x00082144, 0x00180040)  # recommended for display; of the acquisition
_DEFAULT_MILLISECONDS: Final = 100.0
# Browsers show what is faster than 20 ms ten times slower.
_MILLISECONDS: Final = (20.0, 2000.0)


def milliseconds_of(data_set: DataSet) -> float:
    """Tell how long each frame is seen (PS3.3 §C.7.6.5)."""
    times = data_set.numbers(_FRAME_TIME)
    if times and times[0] > 0:
        return _within(times[0])
    for tag in _RATES:
        rates = data_set.numbers(tag)
        if rates and rates[0] > 0:
            return _within(1000 / rates[0])
    return _DEFAULT_MILLISECONDS


def _within(milliseconds: float) -> float:
    low, high = _MILLISECONDS
    return min(max(milliseconds, low), high)


class Animation:
    """A GIF that grows by a picture at a time; each has its own colours."""

    def __init__(self, milliseconds: float) -> None:
        self._control = b"!\xf9\x04\x04" + _SIZE.pack(round(milliseconds / 10), 0)
        self._has_begun = False

    def add(self, picture: bytes) -> bytes:
        """Give the bytes of the next picture, in front of the first one those of the beginning.

        Raises:
            ValueError: it is no GIF as we write them.
        """
        colors, at = _colors(picture)
        image, end = _image(picture, at)
        own = bytearray(image[:_IMAGE_BYTES])
        own[-1] = own[-1] & ~(_COLORS | _COLOR_COUNT) | picture[10] & (_COLORS | _COLOR_COUNT)
        parts = [self._control, bytes(own), colors, picture[end - len(image) + _IMAGE_BYTES : end]]
        if not self._has_begun:
            self._has_begun = True
            # The screen as the first picture has it, without colours for all.
            parts = [picture[:10] + b"\x70\0\0", _FOREVER, *parts]
        return b"".join(parts)

    @property
    def end(self) -> bytes:
        """What stands behind the last picture."""
        return _TRAILER


def _colors(picture: bytes) -> tuple[bytes, int]:
    """Give the table of colours of a picture, and where what is behind it begins."""
    if picture[:3] != b"GIF" or len(picture) < _HEADER_BYTES or not picture[10] & _COLORS:
        raise ValueError("it is no GIF with colours")
    end = _HEADER_BYTES + 3 * (2 << (picture[10] & _COLOR_COUNT))
    return picture[_HEADER_BYTES:end], end


def _image(picture: bytes, at: int) -> tuple[bytes, int]:
    """Give the first image of a picture as it stands, and where it ends."""
    while at < len(picture) and picture[at] == _EXTENSION:
        at = _behind_blocks(picture, at + 2)
    if at + _IMAGE_BYTES >= len(picture) or picture[at] != _IMAGE or picture[at + 9] & _COLORS:
        raise ValueError("the GIF has no image of the kind that we write")
    end = _behind_blocks(picture, at + _IMAGE_BYTES + 1)
    return picture[at:end], end


def _behind_blocks(picture: bytes, at: int) -> int:
    while at < len(picture) and picture[at]:
        at += 1 + picture[at]
    return at + 1
