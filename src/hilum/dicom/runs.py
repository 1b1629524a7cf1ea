"""Runs of plain elements, which are nearly all of a data set: the hot loops of the tree's parser.

Each stops where anything else stands, and leaves it to others to find out what that is.
"""

from functools import cache
from struct import Struct
from typing import Final, NamedTuple

from hilum.dicom.dataset import Element
from hilum.dicom.encoding import Reader
from hilum.dicom.vrs import codes, plain_vrs

HEADER_BYTES: Final = 8  # an element without VR, an item, a delimiter


class Layout(NamedTuple):
    """Readers of headers in one byte order, and what the numbers for VRs mean in it."""

    read_explicit: Reader  # group, element, VR, 16-bit length
    read_implicit: Reader  # group, element, 32-bit length
    read_length: Reader
    short_vrs: dict[int, str]
    long_vrs: dict[int, str]


@cache
def layout_of(*, little_endian: bool) -> Layout:
    """Give the layout of a byte order."""
    order = "<" if little_endian else ">"
    short, long = codes(little_endian=little_endian)
    readers = [Struct(order + form).unpack_from for form in ("HHHH", "HHI", "I")]
    return Layout(readers[0], readers[1], readers[2], short, long)


def explicit_run(
    data: bytes, elements: dict[int, Element], at: int, end: int, layout: Layout
) -> tuple[int, int]:
    """Read elements with short lengths; say where something else stands, and how many they were."""
    read, short_vrs = layout.read_explicit, layout.short_vrs
    last = end - HEADER_BYTES
    count = 0
    while at <= last:
        group, element, code, length = read(data, at)
        vr = short_vrs.get(code)
        start = at + 8
        behind = start + length
        if vr is None or behind > end:
            break
        elements[group << 16 | element] = (vr, data[start:behind])
        at = behind
        count += 1
    return at, count


def implicit_run(
    data: bytes,
    elements: dict[int, Element],
    at: int,
    end: int,
    layout: Layout,
    length_max: int,
) -> tuple[int, int]:
    """Read elements whose VR is known at once, and none that is longer than `length_max`."""
    read, vrs = layout.read_implicit, plain_vrs()
    last = end - HEADER_BYTES
    count = 0
    while at <= last:
        group, element, length = read(data, at)
        tag = group << 16 | element
        vr = vrs.get(tag)
        if vr is None:
            if not group & 1:
                break
            vr = "LO" if 0x10 <= element <= 0xFF else "UN"
        start = at + 8
        behind = start + length
        if behind > end or length > length_max:
            break
        elements[tag] = (vr, data[start:behind])
        at = behind
        count += 1
    return at, count
