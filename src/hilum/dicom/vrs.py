"""Value representations as the data set's readers and writers need them (PS3.5 §6.2).

Which VR an attribute has when its encoding does not say, and how wide the words of a VR are.
"""

from functools import cache
from typing import Final

from hilum.dicom import dictionary
from hilum.dicom.encoding import LONG_VRS, SHORT_VRS
from hilum.dicom.tags import PIXEL_TAGS

# Numbers of a VR by the letter that `struct` has for them; AT is two of them a value.
STRUCT_LETTERS: Final = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
}  # fmt: skip
# Bytes that change places when the byte order does. OB and UN have none (PS3.5 §7.3).
WORD_BYTES: Final = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip

# Bytes that have no text and no numbers: InlineBinary or BulkDataURI in JSON (PS3.18 §F.2.2).
BYTES_VRS: Final = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
# One value only, in which a backslash is text (PS3.5 §6.2).
SINGLE_TEXT_VRS: Final = frozenset(("LT", "ST", "UT", "UR"))
# What Specific Character Set applies to (PS3.5 §6.1.2.2).
CHARSET_VRS: Final = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
TEXT_VRS: Final = (
    CHARSET_VRS | SINGLE_TEXT_VRS | frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM"))
) | {"UI"}

LONG: Final = frozenset(code.decode() for code in LONG_VRS)
SHORT: Final = frozenset(code.decode() for code in SHORT_VRS)
ALL: Final = LONG | SHORT


@cache
def codes(*, little_endian: bool) -> tuple[dict[int, str], dict[int, str]]:
    """Give VRs with short and with long lengths by the number that their two letters unpack to."""
    order: Final = "little" if little_endian else "big"
    short = {int.from_bytes(vr.encode(), order): vr for vr in sorted(SHORT)}
    long = {int.from_bytes(vr.encode(), order): vr for vr in sorted(LONG)}
    return short, long


@cache
def plain_vrs() -> dict[int, str]:
    """Give the VR of each attribute that has exactly one, by tag; no sequences, no pixels."""
    return {
        tag: vr
        for tag, vr in dictionary.vrs_by_tag().items()
        if vr in ALL and vr != "SQ" and tag not in PIXEL_TAGS
    }


def vr_of(tag: int) -> str:
    """Give what the dictionary has: "SQ", "US or SS", "LO" of private creators, "UN" if nothing."""
    if tag & 0x10000:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    found = dictionary.vrs_by_tag().get(tag)
    if found is None:
        entry = dictionary.entry(tag)
        found = entry.vr if entry else ""
    return found or "UN"


def padding_of(vr: str) -> bytes:
    """Give what a value of odd length ends with (PS3.5 §6.2)."""
    return b" " if vr in TEXT_VRS and vr != "UI" else b"\0"
