"""Elements written byte by byte, right or wrong, for the tests of the data set's reader."""

import struct

from hilum.dicom.encoding import LONG_VRS

UNDEFINED = 0xFFFFFFFF


def explicit(tag, vr, value=b"", *, length=None, order="<"):
    """One explicit element; `length` may lie."""
    length = len(value) if length is None else length
    if vr in LONG_VRS:
        return struct.pack(order + "HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length) + value
    return struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def implicit(tag, value=b"", *, length=None, order="<"):
    """One implicit element, an item or a delimiter; `length` may lie."""
    length = len(value) if length is None else length
    return struct.pack(order + "HHI", tag >> 16, tag & 0xFFFF, length) + value


def item(body=b"", *, length=None):
    return implicit(0xFFFEE000, body, length=length)


def delimited_item(body=b""):
    return item(body, length=UNDEFINED) + END_OF_ITEM


def delimited_sequence(tag, body=b"", *, vr=b"SQ"):
    return explicit(tag, vr, body, length=UNDEFINED) + END_OF_SEQUENCE


END_OF_ITEM = implicit(0xFFFEE00D)
END_OF_SEQUENCE = implicit(0xFFFEE0DD)

SOP_CLASS = explicit(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0")
SOP_INSTANCE = explicit(0x00080018, b"UI", b"1.2.3\0")
MODALITY = explicit(0x00080060, b"CS", b"CT")
PATIENT_ID = explicit(0x00100020, b"LO", b"P1")
OTHER_PATIENT_ID = explicit(0x00100020, b"LO", b"P2")
PIXELS = explicit(0x7FE00010, b"OW", bytes(64))
