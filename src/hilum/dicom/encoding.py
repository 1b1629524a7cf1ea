"""The four ways an element header can be laid out, with the constants that each one needs.

Tags are compared as the integers that one unpacking gives: in little endian the element number is
in the upper half ("key"). `Encoding.wanted` translates.

    explicit (PS3.5 §7.1.2)      implicit (PS3.5 §7.1.3)
    0  group                     0  group
    2  element                   2  element
    4  VR, two letters           4  length, 32 bits
    6  length, 16 bits           8  value
    8  value

    explicit, long VRs
    4  VR, two letters
    6  reserved, zero
    8  length, 32 bits
    12 value
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final

from hilum.dicom import dictionary, tags

ITEM: Final = 0xFFFEE000
ITEM_DELIMITER: Final = 0xFFFEE00D
SEQUENCE_DELIMITER: Final = 0xFFFEE0DD

# PS3.5 §7.1.2: all others have a length of 16 bits.
LONG_VRS: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
SHORT_VRS: Final = frozenset(
    (
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO",
        b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    )
)  # fmt: skip
ALL_VRS: Final = LONG_VRS | SHORT_VRS


Reader = Callable[[bytes, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How to read element headers, and what the numbers in them mean."""

    explicit: bool
    little_endian: bool
    # Readers at an offset. Explicit: key, VR, 16-bit length; implicit: key, 32-bit length.
    read_element: Reader
    read_item: Reader  # key, 32-bit length: items and delimiters never have a VR (PS3.5 §7.5)
    read_length: Reader  # the 32-bit length of a long VR
    # VRs as the integers that `element` gives.
    short_vrs: frozenset[int]
    long_vrs: frozenset[int]
    sequence_vr: int
    unknown_vr: int
    # Keys.
    item_key: int
    delimiting_keys: frozenset[int]  # the item's and both delimiters'
    item_delimiter_key: int
    sequence_delimiter_key: int
    pixel_data_key: int
    pixel_keys: frozenset[int]
    noted_keys: frozenset[int]  # at the top level: wanted ones, and pixels
    sequence_keys: frozenset[int]  # SQ by the dictionary; empty in explicit encodings
    structural_keys: frozenset[int]  # implicit: what is not just a value to take or step over
    wanted: dict[int, int]  # key to tag


@lru_cache(maxsize=32)
def encoding(*, explicit: bool, little_endian: bool, wanted: frozenset[int]) -> Encoding:
    """Give the constants for one way of encoding, once for each set of wanted attributes."""
    order = "<" if little_endian else ">"

    def key(tag: int) -> int:
        return tag >> 16 | (tag & 0xFFFF) << 16 if little_endian else tag

    def keys(some: Iterable[int]) -> frozenset[int]:
        return frozenset(map(key, some))

    def vrs(codes: Iterable[bytes]) -> frozenset[int]:
        return frozenset(
            int.from_bytes(code, "little" if little_endian else "big") for code in codes
        )

    delimiters = keys((ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER))
    sequences = keys(() if explicit else dictionary.sequence_tags())
    return Encoding(
        explicit=explicit,
        little_endian=little_endian,
        read_element=Struct(order + ("IHH" if explicit else "II")).unpack_from,
        read_item=Struct(order + "II").unpack_from,
        read_length=Struct(order + "I").unpack_from,
        short_vrs=vrs(SHORT_VRS),
        long_vrs=vrs(LONG_VRS),
        sequence_vr=min(vrs((b"SQ",))),
        unknown_vr=min(vrs((b"UN",))),
        item_key=key(ITEM),
        delimiting_keys=delimiters,
        item_delimiter_key=key(ITEM_DELIMITER),
        sequence_delimiter_key=key(SEQUENCE_DELIMITER),
        pixel_data_key=key(tags.PIXEL_DATA),
        pixel_keys=keys(tags.PIXEL_TAGS),
        noted_keys=keys(tags.PIXEL_TAGS | wanted),
        sequence_keys=sequences,
        structural_keys=sequences | delimiters | keys(tags.PIXEL_TAGS),
        wanted={key(tag): tag for tag in wanted},
    )
