import pytest
from pixel_data_sets import pixels

from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.rendering import Viewport, rendering_of
from hilum.dicomweb.wado_uri import Region
from hilum.imaging.refusal import NoPicture
from hilum.imaging.viewport import Cut, cut_of

IMAGE = pixels(rows=100, columns=200)


def asked(text, aspect=1.0):
    return cut_of(IMAGE, aspect, rendering_of((("viewport", text),)).viewport)


def test_without_a_viewport_a_picture_is_as_large_as_its_image():
    assert cut_of(IMAGE, 1.0, None) == Cut(0, 0, 200, 100, 200, 100)


@pytest.mark.parametrize(
    ("text", "size"), [("100,100", (100, 50)), ("400,100", (200, 100)), ("1000,1000", (1000, 500))]
)
def test_a_picture_fits_into_its_viewport_and_keeps_its_proportions(text, size):
    found = asked(text)

    assert (found.width, found.height) == size


def test_a_part_is_cut_out_before_it_is_scaled():
    assert asked("50,50,100,20,50,40") == Cut(100, 20, 150, 60, 50, 40)


def test_what_is_left_out_is_the_edge():
    assert asked("100,100,100") == Cut(100, 0, 200, 100, 100, 100)
    assert asked("50,50,,,100,900") == Cut(0, 0, 100, 100, 50, 50)


def test_a_size_below_zero_is_a_mirror():
    found = asked("200,100,,,-200,-100")

    assert (found.flips_horizontally, found.flips_vertically) == (True, True)


def test_a_part_that_begins_outside_is_a_bad_request():
    with pytest.raises(RequestRefused, match="begins outside"):
        asked("10,10,200,0")


@pytest.mark.parametrize(("aspect", "size"), [(2.0, (200, 200)), (0.5, (400, 100))])
def test_pixels_of_a_picture_are_square(aspect, size):
    found = cut_of(IMAGE, aspect, None)

    assert (found.width, found.height) == size


def test_proportions_are_those_of_the_body_not_of_the_pixels():
    found = cut_of(IMAGE, 2.0, Viewport(100, 100))

    assert (found.width, found.height) == (100, 100)


def test_a_region_is_told_in_fractions():
    found = cut_of(IMAGE, 1.0, None, Region(0.25, 0.5, 0.75, 1.0))

    assert found == Cut(50, 50, 150, 100, 100, 50)


def test_a_picture_larger_than_memory_is_refused():
    with pytest.raises(NoPicture, match="would have"):
        cut_of(pixels(rows=30000, columns=8000), 9.0, None)


def test_a_side_is_one_pixel_at_least():
    found = cut_of(pixels(rows=1, columns=60000), 1.0, Viewport(100, 100))

    assert (found.width, found.height) == (100, 1)
