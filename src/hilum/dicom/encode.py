"""Write a data set as bytes in any transfer syntax that is not compressed (PS3.5 §7).

Elements in ascending order, values padded to even lengths, sequences and items with their lengths.
For identifiers and the data sets of services: in memory, without pixels.
"""

import zlib
from collections.abc import Callable
from struct import Struct
from typing import Final

from hilum.dicom.bulk import Bulk, BulkReference
from hilum.dicom.byte_order import in_other_order
from hilum.dicom.dataset import DataSet
from hilum.dicom.encoding import ITEM
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.vrs import LONG, padding_of

SHORT_LENGTH_MAX: Final = 0xFFFE  # the longest even one of 16 bits

FetchBulk = Callable[[Bulk | BulkReference], bytes]


class ValueNotAtHand(ValueError):
    """A value is in another place, and nobody said how to get it."""


def no_bulk(value: Bulk | BulkReference) -> bytes:
    """Fetch nothing.

    Raises:
        ValueNotAtHand: always.
    """
    raise ValueNotAtHand(f"{value}: a value that is not in the data set cannot be written")


def encode_data_set(
    data_set: DataSet, syntax: TransferSyntax, *, bulk: FetchBulk = no_bulk
) -> bytes:
    """Give the bytes of a data set.

    Group lengths are left out (PS3.5 §7.2): they would not be true any more.

    Raises:
        ValueNotAtHand: `bulk` does not have a value.
    """
    writer = _Writer(bulk, explicit=syntax.explicit, little_endian=syntax.little_endian)
    encoded = writer.elements(data_set)
    return deflated(encoded) if syntax.deflated else encoded


def deflated(data_set: bytes) -> bytes:
    """Deflate a data set, padded to an even length (PS3.5 §A.5)."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = stream.compress(data_set) + stream.flush()
    return packed + bytes(len(packed) & 1)


class HeaderWriter:
    """Writes the headers of elements in one encoding."""

    def __init__(self, *, explicit: bool, little_endian: bool) -> None:
        order = "<" if little_endian else ">"
        self.explicit = explicit
        self.little_endian = little_endian
        self._short = Struct(order + "HH2sH").pack
        self._long = Struct(order + "HH2sHI").pack
        self._implicit = Struct(order + "HHI").pack

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """Give what stands before a value of `length` bytes."""
        if not self.explicit:
            return self._implicit(tag >> 16, tag & 0xFFFF, length)
        if vr in LONG:
            return self._long(tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
        if length > SHORT_LENGTH_MAX:
            # PS3.5 §6.2.2 (CP-1066): too long for its own VR, the dictionary knows it all the same.
            return self._long(tag >> 16, tag & 0xFFFF, b"UN", 0, length)
        return self._short(tag >> 16, tag & 0xFFFF, vr.encode(), length)

    def delimiting(self, tag: int, length: int) -> bytes:
        """Give an item or a delimiter."""
        return self._implicit(tag >> 16, tag & 0xFFFF, length)


class _Writer(HeaderWriter):
    """Writes data sets whose values are in memory."""

    def __init__(self, bulk: FetchBulk, *, explicit: bool, little_endian: bool) -> None:
        super().__init__(explicit=explicit, little_endian=little_endian)
        self._bulk = bulk

    def elements(self, data_set: DataSet) -> bytes:
        parts: list[bytes] = []
        must_turn = data_set.little_endian != self.little_endian
        for tag, (vr, value) in data_set.sorted():
            if not tag & 0xFFFF:
                continue
            if isinstance(value, list):
                raw = b"".join([self._item(item) for item in value])
            elif isinstance(value, bytes):
                raw = in_other_order(value, vr) if must_turn else value
            else:
                raw = self._bulk(value)
                raw = in_other_order(raw, vr) if must_turn else raw
            if len(raw) & 1:
                raw += padding_of(vr)
            parts += (self.header(tag, vr, len(raw)), raw)
        return b"".join(parts)

    def _item(self, item: DataSet) -> bytes:
        raw = self.elements(item)
        return self.delimiting(ITEM, len(raw)) + raw
