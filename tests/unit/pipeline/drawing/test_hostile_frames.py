"""Codestreams that were cut and changed: each gets a picture or a reason, and no more is lost."""

import asyncio
import random

import imagecodecs
import numpy as np
import pytest
from pixel_data_sets import (
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_XL,
    image_builder,
)

from hilum.imaging.picture import Wish, picture_of
from hilum.imaging.pixels import pixels_of
from hilum.imaging.refusal import NoPicture
from hilum.kernel.telemetry import Silence
from hilum.pipeline.drawing.studio import Studio

EACH = 40
SHADES = (np.add.outer(np.arange(64) ** 2, np.arange(64) * 3) % 251).astype(np.uint8)
STREAMS = {
    JPEG: imagecodecs.jpeg8_encode(SHADES),
    JPEG_LOSSLESS: imagecodecs.jpeg8_encode(SHADES, lossless=True),
    JPEG_LS: imagecodecs.jpegls_encode(SHADES),
    JPEG_2000: imagecodecs.jpeg2k_encode(SHADES, codecformat="j2k"),
    HTJ2K: imagecodecs.htj2k_encode(SHADES),
    JPEG_XL: imagecodecs.jpegxl_encode(SHADES),
}


@pytest.fixture(scope="module")
def studio():
    made = Studio(Silence(), processes=2, seconds=10)
    yield made
    asyncio.run(made.aclose())


def spoilt(stream, chance):
    content = bytearray(stream)
    match chance.randrange(3):
        case 0:
            for _ in range(chance.choice((1, 3, 20))):
                content[chance.randrange(len(content))] = chance.randrange(256)
        case 1:
            del content[chance.randrange(len(content)) :]
        case 2:
            at = chance.randrange(len(content))
            content[at:at] = chance.randbytes(chance.randrange(1, 100))
    return bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("syntax", STREAMS)
def test_a_spoilt_frame_costs_no_more_than_itself(studio, syntax):
    chance = random.Random(syntax)
    data_set = image_builder(rows=64, columns=64).data_set
    picture = picture_of(data_set, pixels_of(data_set, syntax), 0, Wish())

    async def several():
        tries = [studio.draw(picture, spoilt(STREAMS[syntax], chance)) for _ in range(EACH)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        return found, await studio.draw(picture, STREAMS[syntax])

    found, whole = asyncio.run(several())

    strange = [one for one in found if not isinstance(one, bytes | NoPicture)]
    assert not strange
    assert whole.startswith(b"\xff\xd8")
