"""A DICOMweb door that draws, without processes: codecs run where the test runs."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image
from pixel_data_sets import EXPLICIT, image_builder
from web_retrieval import WebRig

from hilum.dicom.encode import encode_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.imaging.decoding import decode_frame
from hilum.imaging.drawing import draw
from hilum.pipeline.drawing.gallery import Gallery
from hilum.sources.web.door import ROOT, Face, WebDoor
from hilum.sources.web.frame_decoding import GalleryDecoder
from hilum.sources.web.picturing import Picturing, picture_handlers
from hilum.sources.web.retrievals import retrieval_handlers

STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
ITEM = b"\xfe\xff\x00\xe0"
END = b"\xfe\xff\xdd\xe0\0\0\0\0"


class InlineStudio:
    """Draws at once. `fault`: what happens instead."""

    def __init__(self):
        self.fault = None
        self.drawn = 0

    async def draw(self, picture, content):
        if self.fault is not None:
            raise self.fault
        self.drawn += 1
        return draw(picture, content)

    async def plain(self, pixels, content, step=0):
        return decode_frame(pixels, content, step)


class PictureRig(WebRig):
    """A door over images in memory."""

    def __init__(self, **options):
        super().__init__()
        self.studio = InlineStudio()
        gallery = Gallery(self.payloads, self.shelf.reading, self.shelf.frames, self.studio)
        self.decoder = GalleryDecoder(gallery)
        self.picturing = Picturing(self.shelf, gallery, **options)
        handlers = {
            **retrieval_handlers(self.shelf, decoder=self.decoder),
            **picture_handlers(self.picturing),
        }
        self.door = WebDoor(Face(ROOT, "HILUM"), handlers, self.events)
        self.client.__init__(self.door)

    def hold(self, builder, content=b"", *, syntax=EXPLICIT, series=SERIES, instance=INSTANCE):
        """Keep an image; `content` is its pixel element's value, in fragments if it is a list."""
        builder.texts(0x0008_0018, instance).texts(0x0020_000D, STUDY).texts(0x0020_000E, series)
        if 0x0008_0016 not in builder.data_set:
            builder.texts(0x0008_0016, SECONDARY_CAPTURE)
        data_set = builder.data_set
        if isinstance(content, list):
            data_set.elements.pop(0x7FE00010)
            encoded = encode_data_set(data_set, transfer_syntax(syntax)) + encapsulated(content)
        else:
            if content:
                tag = next(tag for tag in data_set.elements if tag >> 16 == 0x7FE0)
                data_set.elements[tag] = ("OW", content + bytes(len(content) % 2))
            encoded = encode_data_set(data_set, transfer_syntax(syntax))
        return self.store(encoded, syntax)

    def hold_gray(self, *shades, instance=INSTANCE, series=SERIES, **numbers):
        """Keep an image of 2 x 2 pixels a frame, each frame of one shade."""
        built = image_builder(frames=len(shades), **numbers)
        return self.hold(
            built, b"".join(bytes([one] * 4) for one in shades), instance=instance, series=series
        )


def encapsulated(fragments, offsets=()):
    table = struct.pack(f"<{len(offsets)}I", *offsets)
    head = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + ITEM + struct.pack("<I", len(table)) + table
    return head + b"".join(ITEM + struct.pack("<I", len(one)) + one for one in fragments) + END


def shown(content):
    """Give the pixels of a picture."""
    return np.asarray(Image.open(BytesIO(content))).tolist()


def shades_of(content):
    """Give the shade of the first pixel of each picture in a GIF."""
    image = Image.open(BytesIO(content))
    found = []
    for at in range(image.n_frames):
        image.seek(at)
        found.append(image.convert("L").getpixel((0, 0)))
    return found
