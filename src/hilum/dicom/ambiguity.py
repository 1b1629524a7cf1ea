"""VRs that depend on other attributes: which one is it? (PS3.5 Annex A, PS3.3 §C.7.6.3)."""

from typing import Final

_LUT_DATA: Final = 0x00283006


def resolve(tag: int, ambiguous: str, *, signed: bool | None, lut_entries: int) -> str:
    """Choose a VR for an attribute of an implicit data set, where pixels are words (PS3.5 §A.1).

    `signed`: Pixel Representation is 1; None when no data set around the attribute has it.
    `lut_entries`: first value of LUT Descriptor, in the same item; 0 when it has none.
    """
    if tag == _LUT_DATA:
        # One entry cannot be told from a number (PS3.3 §C.11.1.1).
        return "US" if lut_entries == 1 else "OW"
    if ambiguous.endswith("OW"):
        return "OW"
    return "SS" if signed else "US"
