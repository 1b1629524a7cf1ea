"""Draws pictures: the bytes of a frame become a JPEG, PNG, GIF or JPEG 2000. Needs `pixels`."""

from io import BytesIO
from typing import Final

from PIL import Image

from hilum.imaging.codecs import photometric_of
from hilum.imaging.coloring import colors_of, palette_colors
from hilum.imaging.decoding import stored_values
from hilum.imaging.picture import GIF, JPEG, JPEG_2000, PNG, Picture
from hilum.imaging.shading import shades_of
from hilum.imaging.viewport import Cut

_PNG_LEVEL: Final = 3  # of 9; the next ones take twice the time for a hundredth of the size
_COLORS_OF_GIF: Final = 256
# JPEG 2000 is asked for a ratio of signal to noise, near that of a JPEG of the same quality (a CT:
# 34 dB at 10, 43 at 50, 51 at 90). At 100 nothing is lost.
_DECIBELS_OF_QUALITY: Final = (30.0, 0.22)
_LOSSLESS: Final = 100
# Shrinks in two steps where that is quicker, and cannot be seen (pillow).
_REDUCING_GAP: Final = 3.0


def draw(picture: Picture, content: bytes) -> bytes:
    """Draw one frame.

    Raises:
        DamagedPixels: it is no frame of these pixels.
        MemoryError: there is not enough for it.
    """
    pixels, look = picture.pixels, picture.look
    values = stored_values(pixels, content, picture.step)
    if pixels.is_color:
        image = colors_of(pixels, photometric_of(pixels), values)
    elif look.palette is not None:
        image = palette_colors(look, values)
    else:
        image = Image.fromarray(shades_of(pixels, look, picture.window, values))
    return _written(_cut(image, picture.cut), picture)


def _cut(image: Image.Image, cut: Cut) -> Image.Image:
    """Cut out what is shown, and make it as large as it is wanted."""
    box = (cut.left, cut.top, cut.right, cut.bottom)
    size = (cut.width, cut.height)
    if size != image.size or box != (0, 0, *size):
        grows = cut.width > cut.right - cut.left
        way = Image.Resampling.BICUBIC if grows else Image.Resampling.BILINEAR
        image = image.resize(size, way, box=box, reducing_gap=_REDUCING_GAP)
    if cut.flips_horizontally:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if cut.flips_vertically:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _written(image: Image.Image, picture: Picture) -> bytes:
    out = BytesIO()
    if picture.media_type == JPEG:
        image.save(out, "JPEG", quality=picture.quality)
    elif picture.media_type == PNG:
        image.save(out, "PNG", compress_level=_PNG_LEVEL)
    elif picture.media_type == GIF:
        if image.mode != "L":
            image = image.quantize(_COLORS_OF_GIF, Image.Quantize.MEDIANCUT)
        image.save(out, "GIF", optimize=False)
    elif picture.media_type == JPEG_2000:
        _write_jpeg_2000(image, picture.quality, out)
    else:
        raise ValueError(f"{picture.media_type} is no type of pictures")
    return out.getvalue()


def _write_jpeg_2000(image: Image.Image, quality: int, out: BytesIO) -> None:
    if quality == _LOSSLESS:
        image.save(out, "JPEG2000", irreversible=False)
        return
    least, each = _DECIBELS_OF_QUALITY
    layers = [least + each * quality]
    image.save(out, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=layers)
