"""The data dictionary of PS3.6 and the VRs of PS3.5 §6.2. Loaded when first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from hilum.dicom.tables import rows


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """What the standard says about an attribute."""

    tag: int
    keyword: str
    name: str
    vr: str  # "US or SS" when it depends on other attributes; "" for items and delimiters
    vm: str
    retired: bool


@dataclass(frozen=True, slots=True)
class ValueRepresentation:
    """What the standard says about a VR."""

    code: str
    name: str
    long: bool  # its length has 32 bits in explicit encodings (PS3.5 Table 7.1-1)
    padding: bytes  # b"" for binary values, which are never padded
    multiple: bool  # the backslash separates values
    charset: bool  # Specific Character Set (0008,0005) applies


# Repeating groups and elements: digits that may be anything are zero in the mask (PS3.5 §7.6).
_MASKS: Final = (0xFF00FFFF, 0xFFFFFF00, 0xFFFFFF0F, 0xFFFF000F, 0xFFFF0000)


def entry(tag: int) -> DictionaryEntry | None:
    """Give what the dictionary says of `tag`; None for private and unknown attributes."""
    exact, repeating, _ = _load()
    found = exact.get(tag)
    if found is not None or tag & 0x10000:  # groups with odd numbers are private
        return found
    if tag & 0xFFFF == 0:
        return DictionaryEntry(tag, "GroupLength", "Group Length", "UL", "1", retired=True)
    return next(
        (repeating[tag & mask, mask] for mask in _MASKS if (tag & mask, mask) in repeating),
        None,
    )


def tag_of(keyword: str) -> int | None:
    """Give the tag of an attribute by its keyword; None when there is no such keyword."""
    return _load()[2].get(keyword)


def keywords() -> frozenset[str]:
    """Give the keywords of all attributes; repeating groups have none of their own."""
    return frozenset(_load()[2])


@cache
def sequence_tags() -> frozenset[int]:
    """Give every attribute whose VR is SQ, except those of repeating groups."""
    return frozenset(tag for tag, found in _load()[0].items() if found.vr == "SQ")


@cache
def vrs_by_tag() -> Mapping[int, str]:
    """Give the VR of every attribute but those of repeating groups; "US or SS" where it depends."""
    return {tag: found.vr for tag, found in _load()[0].items()}


@cache
def value_representations() -> Mapping[str, ValueRepresentation]:
    """Give the VRs by their code."""
    pads = {"SPACE": b" ", "NUL": b"\0", "NONE": b""}
    return MappingProxyType(
        {
            code: ValueRepresentation(
                code, name, long == "Y", pads[padding], multiple == "Y", charset == "Y"
            )
            for code, name, long, padding, multiple, charset in rows("value_representations")
        }
    )


_Exact = dict[int, DictionaryEntry]
_Repeating = dict[tuple[int, int], DictionaryEntry]


@cache
def _load() -> tuple[_Exact, _Repeating, dict[str, int]]:
    """Read the table: by tag, by (tag, mask) for repeating ones, and tags by keyword."""
    exact: _Exact = {}
    repeating: _Repeating = {}
    for digits, keyword, name, vr, vm, retired in rows("data_dictionary"):
        tag = int(digits.replace("x", "0"), 16)
        found = DictionaryEntry(tag, keyword, name, vr, vm, retired == "Y")
        if "x" in digits:
            mask = int("".join("0" if digit == "x" else "F" for digit in digits), 16)
            repeating[tag, mask] = found
        else:
            exact[tag] = found
    keywords = {found.keyword: tag for tag, found in exact.items() if found.keyword}
    return exact, repeating, keywords
