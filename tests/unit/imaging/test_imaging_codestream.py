"""What a codestream declares is known before a codec makes room for it."""

import struct

import imagecodecs
import numpy as np
import pytest

from hilum.imaging.codestream import Declared, declared_by, rle_segments
from hilum.imaging.refusal import DamagedPixels
from hilum.imaging.syntaxes import Codec

GRAY = np.zeros((24, 56), np.uint16)
COLORS = np.zeros((24, 56, 3), np.uint8)


@pytest.mark.parametrize(
    ("codec", "stream", "expected"),
    [
        (Codec.JPEG, imagecodecs.jpeg8_encode(COLORS), (24, 56, 3, 8)),
        (Codec.JPEG, imagecodecs.jpeg8_encode(GRAY, bitspersample=12), (24, 56, 1, 12)),
        (
            Codec.JPEG_LOSSLESS,
            imagecodecs.jpeg8_encode(GRAY, lossless=True, bitspersample=16),
            (24, 56, 1, 16),
        ),
        (Codec.JPEG_LS, imagecodecs.jpegls_encode(GRAY + 65535), (24, 56, 1, 16)),
        (Codec.JPEG_2000, imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k"), (24, 56, 1, 16)),
        (Codec.JPEG_2000, imagecodecs.jpeg2k_encode(COLORS, codecformat="jp2"), (24, 56, 3, 8)),
        (Codec.HTJ2K, imagecodecs.htj2k_encode(COLORS), (24, 56, 3, 8)),
    ],
)
def test_the_size_is_in_the_header(codec, stream, expected):
    found = declared_by(codec, stream)

    assert (found.rows, found.columns, found.samples, found.precision) == expected


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (24, 56), (300, 400), (1, 7000), (9000, 3)])
@pytest.mark.parametrize("container", [False, True])
def test_the_size_of_jpeg_xl_is_in_its_first_bits(size, container):
    stream = imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), usecontainer=container)

    found = declared_by(Codec.JPEG_XL, stream)

    assert (found.rows, found.columns) == size


def test_signs_and_markers_are_read():
    signed = imagecodecs.jpeg2k_encode(GRAY.astype(np.int16), codecformat="j2k", reversible=True)
    jfif = imagecodecs.jpeg8_encode(COLORS)
    adobe = jfif[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" + jfif[2:]

    assert declared_by(Codec.JPEG_2000, signed).is_signed
    assert declared_by(Codec.JPEG, jfif).is_jfif
    assert declared_by(Codec.JPEG, adobe).transform == 0
    assert Declared(1, 1, 1, 8).transform == -1


@pytest.mark.parametrize(
    ("codec", "stream", "reason"),
    [
        (Codec.JPEG, b"", "not a JPEG"),
        (Codec.JPEG, b"\xff\xd8", "where a JPEG marker"),
        (Codec.JPEG, b"\xff\xd8\xff\xff\xff", "before its frame header"),
        (Codec.JPEG, b"\xff\xd8\xff\xda\0\x02", "no frame header"),
        (Codec.JPEG, b"\xff\xd8" + b"\xff\xd0" * 5000, "no frame header"),
        (Codec.JPEG, b"\xff\xd8" + b"\xff\xe1\0\0" * 9, "where a JPEG marker"),
        (Codec.JPEG, b"\xff\xd8\xff\xc0\0\x0b\x08", "inside its frame header"),
        (Codec.JPEG, b"\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\1\xff", "255 components"),
        (Codec.JPEG_2000, b"\xff\x4f\xff\x51\0", "inside its header"),
        (Codec.JPEG_2000, b"\xff\x4f\xff\x51" + bytes(60), "no area"),
        (Codec.JPEG_2000, b"nonsense", "not a JPEG 2000"),
        (Codec.JPEG_XL, b"\xff\x0a", "inside its header"),
        (Codec.JPEG_XL, struct.pack(">I4s", 0, b"free") * 3, "not a JPEG XL"),
        (Codec.JPEG_XL, struct.pack(">I4s", 8, b"free") * 5000, "not a JPEG XL"),
    ],
)
def test_what_has_no_header_is_damaged(codec, stream, reason):
    with pytest.raises(DamagedPixels, match=reason):
        declared_by(codec, stream)


def test_segments_of_rle_follow_each_other():
    header = struct.pack("<16I", 2, 64, 70, *[0] * 13)

    assert rle_segments(header + bytes(10), 2) == [(64, 70), (70, 74)]
    for spoilt in (
        struct.pack("<16I", 2, 70, 64, *[0] * 13),
        struct.pack("<16I", 2, 0, 64, *[0] * 13),
    ):
        with pytest.raises(DamagedPixels, match="not where"):
            rle_segments(spoilt + bytes(10), 2)
