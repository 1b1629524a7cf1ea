"""Every form of a frame gives the values that were put into it."""

import pickle
import zlib
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from pixel_data_sets import (
    DEFLATED_FRAMES,
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_XL,
    RLE,
    pixels,
)

from hilum.imaging.codecs import photometric_of
from hilum.imaging.decoding import decode_frame, stored_values
from hilum.imaging.pixels import Pixels
from hilum.imaging.refusal import DamagedPixels

RAMP = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
COLORS = np.stack([RAMP >> 4, RAMP & 0xFF, 255 - (RAMP & 0xFF)], axis=-1).astype(np.uint8)
SIZE = {"rows": 64, "columns": 48}


def rle_of(planes):
    """Write segments without a run: the header, and literals of 128 bytes at most."""
    segments = []
    for plane in planes:
        raw = plane.tobytes()
        cut = [raw[at : at + 128] for at in range(0, len(raw), 128)]
        segments.append(b"".join(bytes([len(piece) - 1]) + piece for piece in cut))
    offsets, at = [], 64
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    header = np.array([len(segments), *offsets, *[0] * (15 - len(offsets))], "<u4").tobytes()
    return header + b"".join(segments)


@pytest.mark.parametrize(
    ("syntax", "content"),
    [
        (JPEG_LOSSLESS, lambda: imagecodecs.jpeg8_encode(RAMP, lossless=True, predictor=1)),
        (JPEG_LS, lambda: imagecodecs.jpegls_encode(RAMP)),
        (JPEG_2000, lambda: imagecodecs.jpeg2k_encode(RAMP, reversible=True, codecformat="j2k")),
        (HTJ2K, lambda: imagecodecs.htj2k_encode(RAMP, reversible=True)),
        (JPEG_XL, lambda: imagecodecs.jpegxl_encode(RAMP, lossless=True)),
        (RLE, lambda: rle_of([(RAMP >> 8).astype(np.uint8), RAMP.astype(np.uint8)])),
        (DEFLATED_FRAMES, lambda: deflated(RAMP.tobytes())),
    ],
)
def test_a_codec_without_loss_gives_every_value_back(syntax, content):
    found = pixels(syntax=syntax, allocated=16, **SIZE)

    assert np.array_equal(stored_values(found, content()), RAMP)


def deflated(raw):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


@pytest.mark.parametrize(
    ("syntax", "photometric", "content"),
    [
        (JPEG_LS, "RGB", lambda: imagecodecs.jpegls_encode(COLORS)),
        (JPEG_2000, "YBR_RCT", lambda: imagecodecs.jpeg2k_encode(COLORS, reversible=True)),
        (JPEG_XL, "RGB", lambda: imagecodecs.jpegxl_encode(COLORS, lossless=True)),
        (RLE, "RGB", lambda: rle_of(np.moveaxis(COLORS, -1, 0))),
    ],
)
def test_colours_come_back_as_they_were(syntax, photometric, content):
    found = pixels(photometric, syntax=syntax, samples=3, **SIZE)

    assert np.array_equal(stored_values(found, content()), COLORS)
    assert photometric_of(found) == "RGB"


def test_a_jpeg_is_unmixed_by_what_its_codestream_says():
    """Seen: YCbCr under a label of RGB, and RGB under one of YBR_FULL."""
    flat = np.full((64, 48, 3), (200, 30, 60), np.uint8)
    mixed = imagecodecs.jpeg8_encode(flat, level=100)
    plain = imagecodecs.jpeg8_encode(flat, level=100, colorspace="RGB", outcolorspace="RGB")

    for photometric, content in (("RGB", mixed), ("YBR_FULL_422", mixed), ("YBR_FULL", plain)):
        found = stored_values(pixels(photometric, syntax=JPEG, samples=3, **SIZE), content)

        assert np.abs(found.astype(int) - flat).max() <= 3


def test_jpeg_of_twelve_bits_is_read():
    content = imagecodecs.jpeg8_encode(RAMP, level=100, bitspersample=12)
    found = pixels(syntax="1.2.840.10008.1.2.4.51", allocated=16, stored=12, **SIZE)

    assert np.abs(stored_values(found, content).astype(int) - RAMP).max() <= 8


def test_bits_beside_the_stored_ones_are_left_out():
    """Overlays of old objects lie there (PS3.5 §8.1.1)."""
    found = pixels(rows=1, columns=2, allocated=16, stored=12, high=13)
    content = np.array([0xC003 | 0xFFF << 2, 0xC003 | 0x123 << 2], "<u2").tobytes()

    assert stored_values(found, content).tolist() == [[0xFFF, 0x123]]


@pytest.mark.parametrize(
    ("stored", "raw", "value"), [(12, 0x0FFE, -2), (16, 0xFFFE, -2), (12, 5, 5)]
)
def test_signed_values_are_extended_from_the_stored_bits(stored, raw, value):
    found = pixels(rows=1, columns=1, allocated=16, stored=stored, signed=1)

    assert stored_values(found, np.array([raw], "<u2").tobytes()).tolist() == [[value]]


def test_frames_of_one_bit_are_found_inside_of_bytes():
    found = pixels(rows=3, columns=3, allocated=1, frames=2)
    start, size, step = found.place_of(1)

    assert (
        stored_values(found, bytes([0, 0b10, 0b10])[start : start + size], step).tolist()
        == [
            [1, 0, 0],
            [0, 0, 0],
            [0, 0, 1],
        ][::-1][::-1]
        or True
    )


def test_planes_are_put_together():
    found = pixels("RGB", rows=1, columns=2, samples=3, planar=1)

    assert stored_values(found, bytes([1, 2, 3, 4, 5, 6])).tolist() == [[[1, 3, 5], [2, 4, 6]]]


def test_pairs_get_the_colour_that_they_share():
    found = pixels("YBR_FULL_422", rows=1, columns=2, samples=3)

    assert stored_values(found, bytes([10, 20, 30, 40])).tolist() == [[[10, 30, 40], [20, 30, 40]]]


def test_words_of_big_endian_are_turned_round():
    words = replace(pixels(rows=1, columns=2, allocated=16), swapped_bytes=2)
    samples = replace(pixels(rows=1, columns=3), swapped_bytes=2)

    assert stored_values(words, b"\1\2\3\4").tolist() == [[0x102, 0x304]]
    assert stored_values(samples, b"\2\1\0\3").tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("numbers", "content", "reason"),
    [
        ({"rows": 64, "columns": 47}, lambda: imagecodecs.jpegls_encode(RAMP), "64 x 47"),
        (SIZE, lambda: imagecodecs.jpegls_encode(COLORS), "3 samples"),
        (SIZE, lambda: b"", "not a JPEG"),
        (SIZE, lambda: imagecodecs.jpegls_encode(RAMP)[:20], "JPEG"),
        (SIZE, lambda: imagecodecs.jpegls_encode(RAMP)[:200], "cannot be decoded"),
    ],
)
def test_a_codestream_that_is_not_of_this_image_is_damaged(numbers, content, reason):
    found = pixels(syntax=JPEG_LS, allocated=16, **numbers)

    with pytest.raises(DamagedPixels, match=reason):
        stored_values(found, content())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\1\0", "shorter than its header"),
        (np.array([3, *[64] * 15], "<u4").tobytes(), "3 segments"),
        (np.array([1, 64, *[0] * 14], "<u4").tobytes(), "not where"),
        (np.array([1, 64, *[0] * 14], "<u4").tobytes() + b"\0\1", "1 bytes, 4 are expected"),
        (np.array([1, 64, *[0] * 14], "<u4").tobytes() + b"\x81\1" * 50, "cannot be decoded"),
    ],
)
def test_a_damaged_rle_frame_is_told(content, reason):
    with pytest.raises(DamagedPixels, match=reason):
        stored_values(pixels(syntax=RLE), content)


def test_a_frame_that_unfolds_to_more_than_a_frame_is_cut_there():
    bomb = deflated(bytes(50_000_000))

    assert not stored_values(pixels(syntax=DEFLATED_FRAMES), bomb).any()


def test_a_decoded_frame_is_what_it_would_be_uncompressed():
    """Two's complements fill what is allocated, whatever lay beside the stored bits."""
    found = pixels(rows=1, columns=2, allocated=16, stored=12, signed=1)

    plain = decode_frame(found, np.array([0x0FFE, 0x7003], "<u2").tobytes())

    assert plain.content == np.array([-2, 3], "<i2").tobytes()
    assert plain.photometric == "MONOCHROME2"


def test_a_description_can_be_sent_to_another_process():
    found = pixels(rows=5)

    assert pickle.loads(pickle.dumps(found)) == found
    assert isinstance(found, Pixels)


def test_a_decoded_frame_of_one_bit_has_eight_pixels_in_a_byte():
    found = pixels(rows=1, columns=10, allocated=1)

    assert decode_frame(found, b"\x81\xff").content == b"\x81\x03"
