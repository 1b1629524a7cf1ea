"""Every image of real files is shown or refused with a reason, and decoded as others decode it.

The corpus is not part of the project: HILUM_CORPUS names its folder, ../shared/data is the default.
"""

import os
import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from hilum.dicom.parser import read_header
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.syntaxes import transfer_syntax
from hilum.imaging.codecs import photometric_of
from hilum.imaging.decoding import stored_values
from hilum.imaging.drawing import draw
from hilum.imaging.picture import Wish, picture_of
from hilum.imaging.pixels import pixels_of
from hilum.imaging.refusal import NoPicture
from hilum.kernel.errors import HilumError

CORPUS = Path(os.environ.get("HILUM_CORPUS", Path(__file__).parents[4] / "shared/data"))
DEFLATED = "1.2.840.10008.1.2.1.99"
# Damaged on purpose by who made them.
DAMAGED = {"JPEG2000-embedded-sequence-delimiter.dcm", "MR_truncated.dcm"}

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus: set HILUM_CORPUS to its folder"),
    pytest.mark.filterwarnings("ignore"),
]


def images():
    """Give (name, pydicom's data set, ours, its pixels) of what has pixels."""
    for path in sorted(CORPUS.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        try:
            theirs = pydicom.dcmread(BytesIO(content))
            meta = read_file_meta(BytesIO(content))
            syntax = meta.transfer_syntax_uid
            if not syntax or syntax == DEFLATED:
                continue
            body = content[meta.data_set_offset :]
            ours = read_header(body, transfer_syntax(syntax), bulk_bytes_min=1 << 20)
            yield path.name, theirs, ours, pixels_of(ours, syntax)
        except (HilumError, NoPicture, pydicom.errors.InvalidDicomError, ValueError):
            continue


def frame_of(theirs, pixels, number):
    names = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    raw = b"".join([theirs.get(name) or b"" for name in names])
    if transfer_syntax(pixels.transfer_syntax_uid).encapsulated:
        return list(generate_frames(raw, number_of_frames=pixels.frames))[number], 0
    start, size, step = pixels.place_of(number)
    return raw[start : start + size], step


def decoded_by_pydicom(theirs, pixels, number):
    """Decode with pydicom; None where it cannot."""
    is_raw = pixels.is_color and not (photometric_of(pixels) == "RGB" != pixels.photometric)
    try:
        return pixel_array(theirs, index=number, raw=is_raw)
    except Exception:  # noqa: BLE001 - its plug-ins raise anything
        return None


@pytest.mark.timeout(300)
def test_real_images_are_decoded_as_pydicom_does_and_shown():
    shown, compared, differing, refused = 0, 0, [], set()
    for name, theirs, ours, pixels in images():
        number = pixels.frames // 2
        try:
            content, step = frame_of(theirs, pixels, number)
        except (AttributeError, ValueError, struct.error):
            continue  # pydicom finds no end of its fragments
        try:
            values = stored_values(pixels, content, step)
            picture = picture_of(ours, pixels, number, Wish()).behind(step)
            assert draw(picture, content).startswith(b"\xff\xd8"), name
        except NoPicture:
            refused.add(name)
            continue
        shown += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = decoded_by_pydicom(theirs, pixels, number)
        if expected is not None:
            compared += 1
            if not np.array_equal(expected, values, equal_nan=values.dtype.kind == "f"):
                differing.append(name)

    assert refused <= DAMAGED
    assert not differing
    assert shown > 250
    assert compared > 200
