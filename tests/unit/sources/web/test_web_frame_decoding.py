"""Compressed frames as plain bytes: by the studio."""

import asyncio
import importlib.util
from pathlib import Path

import pydicom
import pytest
from web_retrieval import WebRig

from hilum.kernel.telemetry import Silence
from hilum.pipeline.archive.frames import FrameFinder
from hilum.pipeline.drawing.gallery import Gallery
from hilum.pipeline.drawing.studio import Studio
from hilum.pipeline.reading import Reading
from hilum.sources.web.frame_decoding import GalleryDecoder
from hilum.testing.payloads import MemoryPayloads

SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
VIDEO = "1.2.840.10008.1.2.4.102"
RLE = "1.2.840.10008.1.2.5"


def test_codecs_are_known_by_their_syntax():
    decoder = GalleryDecoder(None)

    known = [
        decoder.knows(one) for one in (JPEG_LOSSLESS, RLE, VIDEO, "1.2.3", "1.2.840.10008.1.2")
    ]

    assert known == [True, True, False, False, False]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("imagecodecs") is None, reason="no extra `pixels`")
def test_a_decoded_frame_is_that_of_the_file_that_was_never_compressed():
    payloads, studio = MemoryPayloads(), Studio(Silence(), processes=1)
    reading = Reading()
    gallery = Gallery(payloads, reading, FrameFinder(payloads, reading), studio)
    decoder = GalleryDecoder(gallery)
    rig = WebRig(decoder=decoder, payloads=payloads)
    content = (SAMPLES / "MR_small_RLE.dcm").read_bytes()
    meta = pydicom.filereader.read_file_meta_info(SAMPLES / "MR_small_RLE.dcm")
    start = 144 + meta.FileMetaInformationGroupLength
    holding = rig.store(content[start:], RLE)
    plain = pydicom.dcmread(SAMPLES / "MR_small.dcm").PixelData

    answer = rig.get(f"/instances/{holding.sop_instance_uid}/frames/1", "application/octet-stream")

    asyncio.run(studio.aclose())
    assert answer.content == plain
