"""Walks through the fragments of encapsulated pixels, from header to header (PS3.5 §A.4)."""

from struct import Struct
from typing import Final

from hilum.dicom.encoding import ITEM, SEQUENCE_DELIMITER
from hilum.dicom.frames import BEGINNING_BYTES, Fragments
from hilum.dicom.locating import ReadAt
from hilum.dicom.nesting import UNDEFINED
from hilum.kernel.errors import CorruptPayload

# Of one instance: a slide has 100,000 tiles, each of them mostly one. More would fill memory.
FRAGMENTS_MAX: Final = 2_000_000
# A table with an offset for each of them.
_TABLE_BYTES_MAX: Final = 4 * FRAGMENTS_MAX
_HEADER_BYTES: Final = 8
_WINDOW_BYTES: Final = 4 << 10
# Headers that are read before others have their turn.
_WINDOWS_A_STEP: Final = 64
_item: Final = Struct("<HHI").unpack_from


class FragmentScan:
    """All fragments, some at a time."""

    def __init__(self, read: ReadAt, position: int) -> None:
        """Begin at the item of the first of them."""
        self.fragments = Fragments()
        self.is_over = False
        self._read = read
        self._at = position

    def step(self) -> None:
        """Note some more. Raises CorruptPayload, and what reading raises."""
        for _ in range(_WINDOWS_A_STEP):
            if self.is_over:
                return
            self._take(self._read(self._at, _WINDOW_BYTES))

    def _take(self, window: bytes) -> None:
        at, is_final = 0, len(window) < _WINDOW_BYTES
        while at + _HEADER_BYTES + (0 if is_final else BEGINNING_BYTES) <= len(window):
            length = item_length(window, at)
            if length is None:
                self.is_over = True
                return
            if len(self.fragments) >= FRAGMENTS_MAX:
                raise CorruptPayload(f"its pixels have more than {FRAGMENTS_MAX:,} fragments")
            start = at + _HEADER_BYTES
            first_bytes = window[start : start + min(length, BEGINNING_BYTES)]
            self.fragments.add(self._at + start, length, first_bytes)
            at = start + length
        self._at += at
        self.is_over = is_final


def item_length(window: bytes, at: int = 0) -> int | None:
    """Read the header of an item; None: the pixels end here.

    Raises:
        CorruptPayload: it is neither.
    """
    group, element, length = _item(window, at)
    tag = group << 16 | element
    if tag == SEQUENCE_DELIMITER:
        return None
    if tag != ITEM or length == UNDEFINED:
        raise CorruptPayload("there is no fragment where one should be")
    return int(length)


def chain_of(read: ReadAt, at: int, end: int | None) -> list[tuple[int, int]] | None:
    """Give the fragments from one place up to another, or to the end; None: they do not fit."""
    found: list[tuple[int, int]] = []
    while end is None or at < end:
        header = read(at, _HEADER_BYTES)
        try:
            length = item_length(header) if len(header) == _HEADER_BYTES else None
        except CorruptPayload:
            return None
        if length is None:
            return found if end is None else None
        found.append((at + _HEADER_BYTES, length))
        if len(found) > FRAGMENTS_MAX:
            return None
        at += _HEADER_BYTES + length
    return found if at == end else None


def basic_offsets(read: ReadAt, position: int) -> tuple[bytes, int]:
    """Give the Basic Offset Table, and where the item of the first fragment is.

    Raises:
        CorruptPayload: there is none, or it is beyond any use.
    """
    header = read(position, _HEADER_BYTES)
    length = item_length(header) if len(header) == _HEADER_BYTES else None
    if length is None:
        return b"", position
    behind = position + _HEADER_BYTES + length
    if length > _TABLE_BYTES_MAX:
        return b"", behind
    return read(position + _HEADER_BYTES, length), behind
