"""Lookup tables of a data set (PS3.3 §C.11.1.1, §C.11.2.1.1, §C.7.6.3.1.5), as values."""

import sys
from array import array
from dataclasses import dataclass
from struct import Struct
from typing import Final

from hilum.dicom.byte_order import swapped
from hilum.dicom.dataset import DataSet
from hilum.imaging.limits import LUT_ENTRIES_MAX
from hilum.imaging.segments import unfold

_DESCRIPTOR: Final = Struct("<HHH")
_IS_LITTLE: Final = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Entries by value, from `first` on; beyond either end, that end's entry counts.

    `entries`: 16 bits each, in the order of this machine. `bits`: how many of them mean something.
    """

    first: int
    bits: int
    entries: bytes

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.entries) // 2


def lookup_of(
    data_set: DataSet, descriptor: int, data: int, *, is_signed: bool, segmented: int = 0
) -> Lookup | None:
    """Read a table; None: it is not there, or makes no sense.

    `is_signed`: how its first value is to be read. `segmented`: where else it may be, in segments.
    """
    raw = data_set.raw(descriptor)
    if len(raw) < _DESCRIPTOR.size:
        return None
    raw = raw if data_set.little_endian else swapped(raw, 2)
    count, first, bits = _DESCRIPTOR.unpack_from(raw)
    # 0 says 65536, of which 16 bits have no other way to tell.
    count = count or LUT_ENTRIES_MAX
    if is_signed and first & 0x8000:
        first -= 0x10000
    if not 0 < bits <= 16:
        return None
    entries = _entries(data_set, data, count, bits)
    if entries is None and segmented:
        entries = _unfolded(data_set, segmented, count, bits)
    return None if entries is None else Lookup(first, bits, entries.tobytes())


def _entries(data_set: DataSet, tag: int, count: int, bits: int) -> "array[int] | None":
    """Read plain entries: a word each, or a byte each where they have 8 bits."""
    raw = data_set.raw(tag)
    if not data_set.little_endian and raw:
        raw = swapped(raw, 2)
    if len(raw) >= 2 * count:
        return _words(raw[: 2 * count])
    if bits <= 8 and len(raw) >= count:
        return array("H", list(raw[:count]))
    return None


def _words(raw: bytes) -> "array[int]":
    words = array("H", raw)
    if not _IS_LITTLE:
        words.byteswap()
    return words


def _unfolded(data_set: DataSet, tag: int, count: int, bits: int) -> "array[int] | None":
    """Write out a table in segments, of bytes or of words as its entries are."""
    raw = data_set.raw(tag)
    if not data_set.little_endian and raw:
        raw = swapped(raw, 2)
    if bits <= 8:
        return unfold(array("H", list(raw)), count, word_bytes=1)
    return unfold(_words(raw[: len(raw) & ~1]), count, word_bytes=2)
