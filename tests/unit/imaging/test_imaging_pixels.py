from dataclasses import replace

import pytest
from pixel_data_sets import EXPLICIT, JPEG, image_builder, pixels

from hilum.dicom.dataset import DataSet
from hilum.imaging.limits import FRAME_BYTES_MAX
from hilum.imaging.pixels import Numbers, pixels_of
from hilum.imaging.refusal import NoPicture
from hilum.imaging.syntaxes import Codec, codec_of


def test_what_is_not_said_is_what_most_images_have():
    found = pixels(rows=3, columns=5, allocated=16)

    assert (found.samples, found.bits_stored, found.high_bit, found.frames) == (1, 16, 15, 1)
    assert (found.photometric, found.is_signed, found.is_planar) == ("MONOCHROME2", False, False)


@pytest.mark.parametrize(
    ("photometric", "numbers", "reason"),
    [
        ("MONOCHROME2", {"rows": 0}, "Rows and Columns"),
        ("MONOCHROME2", {"samples": 4}, "Samples per Pixel is 4"),
        ("RGB", {}, "Photometric Interpretation"),
        ("MONOCHROME2", {"samples": 3}, "Photometric Interpretation"),
        ("MONOCHROME2", {"allocated": 12}, "Bits Allocated is 12"),
        ("MONOCHROME2", {"stored": 9}, "Bits Stored 9"),
        ("MONOCHROME2", {"stored": 4, "high": 8}, "High Bit 8"),
        ("MONOCHROME2", {"stored": 4, "high": 2}, "High Bit 2"),
        ("RGB", {"samples": 3, "allocated": 1}, "Bits Allocated is 1"),
        ("MONOCHROME2", {"rows": 65000, "columns": 65000, "allocated": 16}, "a frame has"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(photometric, numbers, reason):
    with pytest.raises(NoPicture, match=reason):
        pixels(photometric, **numbers)


def test_a_frame_is_measured_before_anything_is_decoded():
    with pytest.raises(NoPicture, match="at most"):
        pixels("RGB", rows=16384, columns=8192, samples=3, syntax=JPEG)

    assert pixels(rows=16384, columns=8192, allocated=16).frame_bits == FRAME_BYTES_MAX * 8


def test_no_pixels_is_a_reason():
    with pytest.raises(NoPicture, match="no pixels"):
        pixels_of(DataSet(), EXPLICIT)


@pytest.mark.parametrize(
    ("syntax", "reason"),
    [("1.2.840.10008.1.2.4.102", "video"), ("1.2.3", "no codec"), (JPEG + ".1", "no codec")],
)
def test_what_no_codec_reads_is_refused(syntax, reason):
    with pytest.raises(NoPicture, match=reason):
        pixels(syntax=syntax)


def test_frames_of_one_bit_begin_inside_of_bytes():
    found = pixels(rows=3, columns=3, allocated=1, frames=4)

    assert [found.place_of(frame) for frame in range(4)] == [
        (0, 2, 0),
        (1, 2, 1),
        (2, 2, 2),
        (3, 2, 3),
    ]


def test_pairs_that_share_their_colour_need_two_bytes_a_pixel():
    shared = pixels("YBR_FULL_422", samples=3, rows=2, columns=4)

    assert shared.place_of(1) == (16, 16, 0)
    assert replace(shared, transfer_syntax_uid=JPEG).frame_bits == 3 * 8 * 8


def test_words_come_whole_where_they_are_turned_round():
    """Three samples of a byte each in words of two: the second frame begins inside of one."""
    odd = replace(pixels(rows=1, columns=3, frames=2), swapped_bytes=2)

    assert odd.place_of(0) == (0, 4, 0)
    assert odd.place_of(1) == (2, 4, 8)


def test_floating_point_pixels_say_by_their_tag_what_they_are():
    built = image_builder(pixel_tag=0x7FE00009, allocated=64)

    found = pixels_of(built.data_set, EXPLICIT)

    assert (found.numbers, found.frame_bits) == (Numbers.DOUBLE, 4 * 64)
    with pytest.raises(NoPicture, match="floating-point"):
        pixels_of(image_builder(pixel_tag=0x7FE00009, allocated=32).data_set, EXPLICIT)


def test_uncompressed_syntaxes_need_no_codec():
    assert codec_of("1.2.840.10008.1.2.2") is Codec.NATIVE
    assert codec_of("1.2.840.10008.1.2.1.98") is Codec.NATIVE
