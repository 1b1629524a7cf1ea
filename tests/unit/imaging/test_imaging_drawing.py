"""Pictures are looked at pixel by pixel: as PNG, which loses nothing."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pixel_data_sets import EXPLICIT, JPEG_LS, image_builder, table

from hilum.dicom.building import DataSetBuilder
from hilum.dicomweb.rendering import Rendering, Viewport, VoiFunction, Window
from hilum.imaging.drawing import draw
from hilum.imaging.picture import GIF, JPEG, JPEG_2000, PNG, Wish, picture_of
from hilum.imaging.pixels import pixels_of
from hilum.imaging.refusal import DamagedPixels


def picture(builder, wish=None, frame=0, syntax=EXPLICIT):
    found = pixels_of(builder.data_set, syntax)
    return picture_of(builder.data_set, found, frame, wish or Wish(PNG))


def shown(builder, values, kind="<u2", **rendering):
    content = np.array(values, kind).tobytes()
    drawn = draw(picture(builder, Wish(PNG, Rendering(**rendering))), content)
    return np.asarray(Image.open(BytesIO(drawn))).tolist()


def gray(**numbers):
    return image_builder(**{"rows": 1, "columns": 4, "allocated": 16, **numbers})


def test_without_a_window_everything_is_seen():
    assert shown(gray(), [100, 100, 200, 300]) == [[0, 0, 128, 255]]


def test_eight_bits_are_shown_as_they_are():
    assert shown(gray(allocated=8), [0, 1, 128, 255], "u1") == [[0, 1, 128, 255]]


def test_padding_does_not_count_as_image():
    built = gray(signed=1).numbers(0x00280120, -2000, vr="SS")

    assert shown(built, [-2000, 0, 50, 100], "<i2") == [[0, 0, 128, 255]]


@pytest.mark.parametrize(
    ("function", "shades"),
    [
        # PS3.3 §C.11.2.1.2.1: of center 100 and width 101, from 50 to 150.
        (VoiFunction.LINEAR, [0, 1, 128, 255]),
        (VoiFunction.LINEAR_EXACT, [0, 1, 128, 254]),
        (VoiFunction.SIGMOID, [30, 31, 128, 224]),
    ],
)
def test_a_window_that_was_asked_for_goes_before_that_of_the_image(function, shades):
    built = gray().texts(0x00281050, "7").texts(0x00281051, "7")

    found = shown(built, [49, 50, 100, 150], window=Window(100, 101, function))

    assert np.abs(np.array(found) - [shades]).max() <= 1


def test_a_window_of_one_is_a_threshold():
    assert shown(gray(), [9, 10, 11, 12], window=Window(11, 1)) == [[0, 0, 255, 255]]


def test_windows_are_of_what_values_mean():
    built = gray().texts(0x00281053, "2").texts(0x00281052, "-1000")

    assert shown(built, [400, 500, 550, 600], window=Window(0.5, 201)) == [[0, 128, 255, 255]]


def test_monochrome1_is_dark_where_values_are_high():
    built = image_builder("MONOCHROME1", rows=1, columns=4)

    assert shown(built, [0, 1, 128, 255], "u1") == [[255, 254, 127, 0]]


def test_a_modality_table_comes_before_the_table_of_interest():
    modality = table(DataSetBuilder(), 0x00283002, 0x00283006, [3, 2, 1, 0]).data_set
    voi = table(DataSetBuilder(), 0x00283002, 0x00283006, [0, 10, 100, 255], bits=8).data_set
    built = gray().items(0x00283000, modality).items(0x00283010, voi)

    # Beyond an end of a table, its last entry counts.
    assert shown(built, [0, 1, 3, 99]) == [[255, 100, 0, 0]]


def test_values_of_32_bits_and_fractions_are_shown():
    assert shown(gray(allocated=32), [0, 1 << 30, 1 << 31, 1 << 31], "<u4") == [[0, 128, 255, 255]]
    parametric = image_builder(rows=1, columns=4, allocated=32, pixel_tag=0x7FE00008)
    assert shown(parametric, [-1.5, 0.0, 1.5, np.nan], "<f4") == [[0, 128, 255, 0]]


def test_one_shade_everywhere_is_no_fault():
    assert shown(gray(), [7, 7, 7, 7]) == [[0, 0, 0, 0]]
    nothing = image_builder(rows=1, columns=4, allocated=32, pixel_tag=0x7FE00008)
    assert shown(nothing, [np.nan] * 4, "<f4") == [[0, 0, 0, 0]]


def test_a_palette_gives_its_colours():
    built = image_builder("PALETTE COLOR", rows=1, columns=3)
    for color, entries in enumerate(([0xFF00, 0, 0x8000], [0, 0xFF00, 0], [0, 0, 0x100])):
        table(built, 0x00281101 + color, 0x00281201 + color, entries, first=1)

    assert shown(built, [1, 2, 9], "u1") == [[[255, 0, 0], [0, 255, 0], [128, 0, 1]]]


def test_ybr_becomes_rgb():
    built = image_builder("YBR_FULL", rows=1, columns=2, samples=3)

    found = shown(built, [76, 85, 255, 255, 128, 128], "u1")

    assert np.abs(np.array(found) - [[[254, 0, 0], [255, 255, 255]]]).max() <= 1


@pytest.mark.parametrize(("bits", "kind", "shift"), [(16, "<u2", 8), (32, "<u4", 24)])
def test_colours_of_more_bits_keep_their_highest(bits, kind, shift):
    built = image_builder("RGB", rows=1, columns=1, samples=3, allocated=bits)

    assert shown(built, [255 << shift, 7 << shift, 1], kind) == [[[255, 7, 0]]]


def test_a_viewport_cuts_scales_and_mirrors():
    viewport = Viewport(2, 1, source_x=2, source_y=0, source_width=2, flips_horizontally=True)

    assert shown(gray(allocated=8), [1, 2, 3, 4], "u1", viewport=viewport) == [[4, 3]]


@pytest.mark.parametrize("media_type", [JPEG, PNG, GIF, JPEG_2000])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_every_type_can_be_read_by_others(media_type, photometric):
    samples = 3 if photometric == "RGB" else 1
    built = image_builder(photometric, rows=20, columns=30, samples=samples)

    drawn = draw(picture(built, Wish(media_type)), bytes(600 * samples))

    found = Image.open(BytesIO(drawn))
    assert (found.get_format_mimetype(), found.size) == (media_type, (30, 20))


@pytest.mark.parametrize("media_type", [JPEG, JPEG_2000])
def test_a_lower_quality_needs_fewer_bytes(media_type):
    noise = np.random.default_rng(1).integers(0, 255, 10000, np.uint8).tobytes()
    built = image_builder(rows=100, columns=100)
    sizes = [
        len(draw(picture(built, Wish(media_type, Rendering(quality=quality))), noise))
        for quality in (10, 50, 90)
    ]

    assert sizes == sorted(sizes)
    assert sizes[0] * 1.5 < sizes[2]


def test_jpeg_2000_of_the_highest_quality_loses_nothing():
    noise = np.random.default_rng(1).integers(0, 255, 10000, np.uint8)
    built = image_builder(rows=100, columns=100)

    drawn = draw(picture(built, Wish(JPEG_2000, Rendering(quality=100))), noise.tobytes())

    assert np.array_equal(np.asarray(Image.open(BytesIO(drawn))).ravel(), noise)


def test_a_damaged_frame_is_no_picture():
    with pytest.raises(DamagedPixels):
        draw(picture(gray(), syntax=JPEG_LS), b"\xff\xd8\xff\xd9")
    with pytest.raises(ValueError, match="no type of pictures"):
        draw(replace(picture(gray()), media_type="image/x"), bytes(8))
