"""Whatever a frame consists of: there is a picture, or it is said that it is damaged.

Native frames, RLE and headers only: codecs in C are tried in `tests/unit/pipeline/drawing`, where
one may crash.
"""

import struct
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_data_sets import DEFLATED_FRAMES, EXPLICIT, RLE, image_builder

from hilum.imaging.codestream import declared_by
from hilum.imaging.drawing import draw
from hilum.imaging.picture import PNG, Wish, picture_of
from hilum.imaging.pixels import pixels_of
from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.imaging.segments import unfold
from hilum.imaging.syntaxes import Codec

HEADERS = {
    Codec.JPEG: b"\xff\xd8\xff\xe0\0\x04AB\xff\xc0\0\x0b\x08\0\x04\0\x04\x01\x01\x11\0",
    Codec.JPEG_2000: b"\xff\x4f\xff\x51" + bytes(64),
    Codec.JPEG_XL: b"\xff\x0a" + bytes(20),
}
numbers = st.sampled_from([0, 1, 2, 3, 7, 8, 9, 12, 15, 16, 31, 32, 33])
photometrics = st.sampled_from(
    ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "HSV", ""]
)


@settings(max_examples=300, deadline=None)
@given(
    photometric=photometrics,
    described=st.fixed_dictionaries(
        {
            "rows": st.integers(0, 5),
            "columns": st.integers(0, 5),
            "samples": st.sampled_from([0, 1, 3, 4]),
            "allocated": numbers,
            "stored": numbers,
            "high": numbers,
            "signed": st.integers(0, 2),
            "planar": st.integers(0, 2),
        }
    ),
    window=st.tuples(st.floats(width=32), st.floats(width=32)),
    line=st.tuples(st.floats(width=32), st.floats(width=32)),
    syntax=st.sampled_from([EXPLICIT, RLE, DEFLATED_FRAMES]),
    content=st.binary(max_size=400),
)
def test_any_description_and_any_bytes_give_a_picture_or_a_reason(
    photometric, described, window, line, syntax, content
):
    built = image_builder(photometric, **described)
    built.texts(0x00281050, repr(window[0])).texts(0x00281051, repr(window[1]))
    built.texts(0x00281052, repr(line[0])).texts(0x00281053, repr(line[1]))
    for color in range(3):
        built.raw(0x00281101 + color, content[:6], vr="US").raw(
            0x00281201 + color, content, vr="OW"
        )
    if syntax == RLE and len(content) > 4:
        content = struct.pack("<16I", content[0] % 16, *range(64, 94, 2)) + content
    try:
        pixels = pixels_of(built.data_set, syntax)
        picture = picture_of(built.data_set, pixels, 0, Wish(PNG))
        drawn = draw(picture, content)
    except NoPicture:
        return

    assert drawn.startswith(b"\x89PNG")


@settings(max_examples=300, deadline=None)
@given(
    codec=st.sampled_from(sorted(HEADERS, key=str)),
    changes=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=8),
    tail=st.binary(max_size=40),
)
def test_any_header_is_read_or_damaged(codec, changes, tail):
    stream = bytearray(HEADERS[codec] + tail)
    for at, byte in changes:
        stream[at % len(stream)] = byte

    try:
        found = declared_by(codec, bytes(stream))
    except DamagedPixels:
        return

    assert found.rows >= 0
    assert found.samples <= 4


@given(
    words=st.lists(st.integers(0, 4) | st.integers(0, 0xFFFF), max_size=60),
    count=st.integers(1, 500),
    word_bytes=st.sampled_from([1, 2]),
)
def test_any_segments_come_to_an_end(words, count, word_bytes):
    found = unfold(array("H", words), count, word_bytes=word_bytes)

    assert found is None or len(found) == count
