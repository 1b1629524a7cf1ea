"""Numbers and tags in the bytes of values (PS3.5 §6.2)."""

from functools import cache
from struct import Struct
from typing import Final

from hilum.dicom.vrs import STRUCT_LETTERS

# Who has more numbers in one attribute has a table that is bulk, not a value to be looked at.
NUMBERS_MAX: Final = 1 << 20

_NUMBER_CHARACTERS: Final = frozenset("0123456789+-.eE ")
_NUMBER_CHARACTERS_MAX: Final = 64  # PS3.5 §6.2 allows 16; more are met and still read


@cache
def _struct(letter: str, *, little_endian: bool) -> Struct:
    return Struct(("<" if little_endian else ">") + letter)


def binary_numbers(vr: str, raw: bytes, *, little_endian: bool) -> list[int | float]:
    """Read the values of US, SS, UL, SL, UV, SV, FL or FD; a cut one at the end is left out."""
    one = _struct(STRUCT_LETTERS[vr], little_endian=little_endian)
    size = one.size
    if len(raw) == size:
        return list(one.unpack(raw))
    whole = min(len(raw) - len(raw) % size, NUMBERS_MAX * size)
    return [number for (number,) in one.iter_unpack(raw[:whole])]


def tags_in(raw: bytes, *, little_endian: bool) -> list[int]:
    """Read the values of AT."""
    pair = _struct("HH", little_endian=little_endian)
    whole = raw[: len(raw) - len(raw) % 4]
    return [group << 16 | element for group, element in pair.iter_unpack(whole)]


def decimal_number(text: str) -> int | float | None:
    """Read a decimal text; None: it is none. Python takes "1_0" and "nan", DICOM does not."""
    if len(text) > _NUMBER_CHARACTERS_MAX or not _NUMBER_CHARACTERS.issuperset(text):
        return None
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def whole_number(raw: bytes) -> int | None:
    """Read the first value of an IS, or of a DS that is whole.

    IS is met with decimals, with leading zeros and with more digits than PS3.5 §6.2 allows.
    """
    first = raw.split(b"\\", maxsplit=1)[0].strip(b"\0 ")
    # PS3.5 §6.2 allows 12; beyond 64 bits no database takes it. Python takes "1_0", DICOM does not.
    if len(first) > 20 or b"_" in first:
        return None
    try:
        number = int(first)
    except ValueError:
        try:
            value = float(first)
        except ValueError:
            return None
        if not value.is_integer():
            return None
        number = int(value)
    return number if -(2**63) <= number < 2**63 else None
