"""Data sets with pixels in fragments, whose tables tell the truth or not."""

import struct

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.dicom.encode import encode_data_set
from hilum.dicom.syntaxes import transfer_syntax

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"


def head_of(number=1, *, frames=1, rows=4, columns=4, bits=8, syntax=EXPLICIT, **texts):
    """Give a data set up to its pixels."""
    builder = DataSetBuilder("ISO_IR 192")
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": f"1.2.1.1.{number}",
        "StudyInstanceUID": "1.2.1",
        "SeriesInstanceUID": "1.2.1.1",
        "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": str(frames),
    }
    for keyword, value in (values | texts).items():
        builder.texts(tag_of(keyword), value)
    for keyword, value in (("Rows", rows), ("Columns", columns), ("BitsAllocated", bits)):
        builder.raw(tag_of(keyword), struct.pack("<H", value), vr="US")
    return encode_data_set(builder.data_set, transfer_syntax(syntax))


def item(content):
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def encapsulated(fragments, *, table=b"", ended=True):
    """Give pixels in fragments."""
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if ended else b""
    return head + item(table) + b"".join(map(item, fragments)) + end


def offsets_of(frames, letter="I"):
    """Give the table of frames, each a list of fragments."""
    at, found = 0, b""
    for fragments in frames:
        found += struct.pack(f"<{letter}", at)
        at += sum(8 + len(one) for one in fragments)
    return found


def element(tag, vr, value):
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value


def native(pixels, vr=b"OW"):
    """Give pixels as one value."""
    return element(0x7FE00010, vr, pixels)
