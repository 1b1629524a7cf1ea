"""Data sets of images, as small as a test needs them."""

import struct

from hilum.dicom.building import DataSetBuilder
from hilum.imaging.pixels import pixels_of

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
JPEG_XL = "1.2.840.10008.1.2.4.110"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

_TAGS = {
    "samples": 0x00280002,
    "planar": 0x00280006,
    "frames": 0x00280008,
    "rows": 0x00280010,
    "columns": 0x00280011,
    "allocated": 0x00280100,
    "stored": 0x00280101,
    "high": 0x00280102,
    "signed": 0x00280103,
}
_USUAL = {"samples": 1, "rows": 2, "columns": 2, "allocated": 8}


def image_builder(photometric="MONOCHROME2", *, pixel_tag=0x7FE00010, **numbers):
    """Give a builder with the attributes of an image; `numbers`: rows, columns, allocated…"""
    builder = DataSetBuilder()
    for name, value in {**_USUAL, **numbers}.items():
        builder.texts(_TAGS[name], str(value))
    builder.texts(0x00280004, photometric)
    return builder.raw(pixel_tag, b"", vr="OW")


def pixels(photometric="MONOCHROME2", *, syntax=EXPLICIT, **numbers):
    return pixels_of(image_builder(photometric, **numbers).data_set, syntax)


def table(builder, descriptor, data, entries, *, first=0, bits=16, count=None):
    """Put a lookup table of words into a builder."""
    builder.raw(descriptor, struct.pack("<HhH", count or len(entries), first, bits), vr="US")
    return builder.raw(data, struct.pack(f"<{len(entries)}H", *entries), vr="OW")
