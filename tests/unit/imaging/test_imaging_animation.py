from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pixel_data_sets import image_builder

from hilum.imaging.animation import Animation, milliseconds_of
from hilum.imaging.drawing import draw
from hilum.imaging.picture import GIF, PNG, Wish, picture_of
from hilum.imaging.pixels import pixels_of


def drawn(content, media_type=GIF, **numbers):
    built = image_builder(numbers.pop("photometric", "MONOCHROME2"), **numbers).data_set
    pixels = pixels_of(built, "1.2.840.10008.1.2.1")
    return draw(picture_of(built, pixels, 0, Wish(media_type)), content)


@pytest.mark.parametrize(("photometric", "samples"), [("MONOCHROME2", 1), ("RGB", 3)])
def test_pictures_that_are_put_together_move(photometric, samples):
    random = np.random.default_rng(3)
    frames = [random.integers(0, 255, (20, 30, samples), np.uint8) & 0xC0 for _ in range(3)]
    animation = Animation(80)

    whole = b"".join(
        animation.add(
            drawn(one.tobytes(), rows=20, columns=30, samples=samples, photometric=photometric)
        )
        for one in frames
    )

    found = Image.open(BytesIO(whole + animation.end))
    assert (found.n_frames, found.size, found.info["duration"], found.info["loop"]) == (
        3,
        (30, 20),
        80,
        0,
    )
    for at, frame in enumerate(frames):
        found.seek(at)
        pixels = np.asarray(found.convert("RGB")).astype(int)
        assert np.abs(pixels - frame).max() <= 1


@pytest.mark.parametrize("content", [b"", b"GIF89a", drawn(bytes(4), PNG), drawn(bytes(4))[:20]])
def test_what_is_no_gif_of_ours_is_refused(content):
    with pytest.raises(ValueError, match="GIF"):
        Animation(100).add(content)


@pytest.mark.parametrize(
    ("tag", "text", "milliseconds"),
    [
        (0x00181063, "40", 40.0),
        (0x00181063, "1", 20.0),
        (0x00182144, "5", 100.0),
        (0x00082144, "25", 40.0),
        (0x00180040, "0.1", 2000.0),
        (0x00180040, "0", 100.0),
    ],
)
def test_frames_are_seen_as_long_as_the_image_says(tag, text, milliseconds):
    assert milliseconds_of(image_builder().texts(tag, text).data_set) == milliseconds
