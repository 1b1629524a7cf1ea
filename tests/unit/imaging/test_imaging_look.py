import struct

import pytest
from pixel_data_sets import EXPLICIT, image_builder, table

from hilum.dicom.building import DataSetBuilder
from hilum.dicomweb.rendering import VoiFunction, Window
from hilum.imaging.look import look_of
from hilum.imaging.lookup import Lookup
from hilum.imaging.pixels import pixels_of
from hilum.imaging.refusal import NoPicture

CENTER, WIDTH, INTERCEPT, SLOPE, FUNCTION = (
    0x00281050,
    0x00281051,
    0x00281052,
    0x00281053,
    0x00281056,
)


def look(builder, frame=0):
    return look_of(builder.data_set, pixels_of(builder.data_set, EXPLICIT), frame)


def words(*values):
    return struct.pack(f"<{len(values)}H", *values)


def test_the_first_of_several_windows_is_the_one():
    built = image_builder().texts(CENTER, "40", "600").texts(WIDTH, "400", "1500")

    assert look(built).voi == Window(40.0, 400.0)


@pytest.mark.parametrize("name", ["LINEAR_EXACT", "SIGMOID"])
def test_a_window_has_its_function(name):
    built = image_builder().texts(CENTER, "4").texts(WIDTH, "0.5").texts(FUNCTION, name)

    assert look(built).voi == Window(4.0, 0.5, VoiFunction(name.lower().replace("_", "-")))


@pytest.mark.parametrize(
    ("center", "width"), [("40", "0"), ("40", "0.5"), ("1e300", "1"), ("", "1")]
)
def test_a_window_without_a_meaning_is_none(center, width):
    assert look(image_builder().texts(CENTER, center).texts(WIDTH, width)).voi is None


@pytest.mark.parametrize(
    ("slope", "line"), [("2", (2.0, -9.0)), ("0", (1.0, 0.0)), ("x", (1.0, 0.0))]
)
def test_a_slope_that_makes_every_image_plain_is_none(slope, line):
    found = look(image_builder().texts(SLOPE, slope).texts(INTERCEPT, "-9"))

    assert (found.slope, found.intercept) == line


def test_a_frame_has_the_window_of_its_own_group_then_that_of_all():
    def group(center):
        voi = DataSetBuilder().texts(CENTER, center).texts(WIDTH, "10")
        return DataSetBuilder().items(0x00289132, voi.data_set).data_set

    built = image_builder(frames=3).texts(CENTER, "1").texts(WIDTH, "10")
    built.items(0x52009229, group("2"))
    built.items(0x52009230, group("3"), DataSetBuilder().data_set)

    assert [look(built, frame).voi.center for frame in range(3)] == [3.0, 2.0, 2.0]


def test_tables_of_modality_and_voi_are_read():
    modality = table(DataSetBuilder(), 0x00283002, 0x00283006, [5, 6], first=-1).data_set
    voi = table(DataSetBuilder(), 0x00283002, 0x00283006, [0, 255], bits=8).data_set
    built = image_builder(signed=1).items(0x00283000, modality).items(0x00283010, voi)

    found = look(built)

    assert found.modality == Lookup(-1, 16, words(5, 6))
    assert found.voi == Lookup(0, 8, words(0, 255))


def test_entries_of_eight_bits_may_be_bytes():
    item = table(DataSetBuilder(), 0x00283002, 0x00283006, [], bits=8, count=4)
    item.raw(0x00283006, bytes([1, 2, 3, 4]), vr="OW")

    assert look(image_builder().items(0x00283010, item.data_set)).voi == Lookup(
        0, 8, words(1, 2, 3, 4)
    )


@pytest.mark.parametrize("spoil", [{"bits": 17}, {"count": 9}, {"bits": 0}])
def test_a_table_without_a_meaning_is_none(spoil):
    item = table(DataSetBuilder(), 0x00283002, 0x00283006, [1, 2, 3, 4], **spoil)

    assert look(image_builder().items(0x00283010, item.data_set)).voi is None


def test_a_palette_is_needed_for_its_colours():
    with pytest.raises(NoPicture, match="palette"):
        look(image_builder("PALETTE COLOR"))


def test_a_palette_may_be_in_segments():
    """PS3.3 §C.7.9.2: two entries, a slope of three to 40, and the first segment once more."""
    built = image_builder("PALETTE COLOR")
    segments = words(0, 2, 10, 10, 1, 3, 40, 2, 1, 0, 0)
    for color in range(3):
        built.raw(0x00281101 + color, words(7, 0, 16), vr="US")
        built.raw(0x00281221 + color, segments, vr="OW")

    assert look(built).palette == (Lookup(0, 16, words(10, 10, 20, 30, 40, 10, 10)),) * 3


@pytest.mark.parametrize(
    "segments",
    [
        words(1, 3, 40),  # a slope from nowhere
        words(0, 0) * 400,  # segments of nothing
        words(2, 0xFFFF, 0, 0) * 400,  # which tell themselves again
        words(0, 1, 1, 2, 0xFFFF, 0, 0) * 400,
        words(9, 9, 9),
    ],
)
def test_segments_come_to_an_end(segments):
    built = image_builder("PALETTE COLOR")
    for color in range(3):
        built.raw(0x00281101 + color, words(0, 0, 16), vr="US")
        built.raw(0x00281221 + color, segments, vr="OW")

    with pytest.raises(NoPicture, match="palette"):
        look(built)


@pytest.mark.parametrize(
    ("tag", "sides", "aspect"),
    [
        (0x00280034, ("2", "1"), 2.0),
        (0x00280030, ("0.5", "1"), 0.5),
        (0x00280030, ("1", "1.005"), 1.0),
        (0x00280030, ("1", "1000"), 1.0),
        (0x00280030, ("1", "0"), 1.0),
    ],
)
def test_pixels_that_are_not_square_are_known(tag, sides, aspect):
    assert look(image_builder().texts(tag, *sides)).aspect == aspect


def test_padding_is_a_value_or_a_range():
    built = image_builder(allocated=16, signed=1).numbers(0x00280120, -2000, vr="SS")

    assert look(built).padding == (-2000, -2000)
    assert look(built.numbers(0x00280121, -3000, vr="SS")).padding == (-3000, -2000)
