"""One instance that pictures are made of: its header, and the bytes of its frames.

Reads the header and the frames that are asked for, nothing else. Blocks: for threads.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from hilum.dicom import tags
from hilum.dicom.bulk import Bulk
from hilum.dicom.dataset import DataSet
from hilum.dicom.inflate import Inflater
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.dicom.parser import INFLATED_BYTES_MAX, CutShort, read_header
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, transfer_syntax
from hilum.imaging.limits import CODESTREAM_BYTES_MAX
from hilum.imaging.pixels import Pixels, pixels_of
from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.drawing.fragments import Fragments
from hilum.pipeline.ports import PayloadReader

# Most headers are shorter.
_FIRST_BYTES: Final = 32 << 10
_GROWTH: Final = 8
# A header of ten thousand frames has some 50 MB; who is longer has no pictures.
_HEADER_BYTES_MAX: Final = 64 << 20
# Lookup tables of 16 bits are values of the header, not bulk.
_BULK_BYTES_MIN: Final = 1 << 20
_EXTENDED_OFFSETS: Final = 0x7FE00001


class Film:
    """An open instance. Whoever opens it closes it."""

    def __init__(self, payload: PayloadReader, transfer_syntax_uid: str) -> None:
        """Read the header.

        Raises:
            NoPicture: it has no pixels, or none that can be shown.
            CorruptPayload: its header cannot be read.
            OSError: it cannot be read at all.
        """
        self._payload = payload
        self._is_open = True
        self._whole: bytes | None = None
        syntax = transfer_syntax(transfer_syntax_uid)
        if syntax.deflated:
            self._whole = self._inflated()
            syntax, transfer_syntax_uid = EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN.uid
        self._syntax = syntax
        self.data_set = self._header()
        self.pixels: Pixels = pixels_of(self.data_set, transfer_syntax_uid)
        self._bulk = _pixel_bulk(self.data_set)
        self._fragments: Fragments | None = None

    def close(self) -> None:
        """Let go of the payload. Safe to call twice."""
        if self._is_open:
            self._is_open = False
            self._payload.close()

    def frame(self, number: int) -> tuple[bytes, int]:
        """Give the bytes of a frame, the first being 0, and the bits to step over in them.

        Raises:
            DamagedPixels: it is not there, or longer than any frame.
            CorruptPayload, OSError: it cannot be read.
        """
        if self._bulk.length is not None:
            start, size, step = self.pixels.place_of(number)
            if start + size > self._bulk.length + self._bulk.length % 2:
                raise DamagedPixels(f"the pixels end before frame {number + 1} does")
            return self._read(self._bulk.position + start, size), step
        if self._fragments is None:
            self._fragments = Fragments(
                self._read, self._bulk.position, self.pixels.frames, self._extended_offsets()
            )
        found = self._fragments.of(number)
        if sum(one.size for one in found) > CODESTREAM_BYTES_MAX:
            raise DamagedPixels(f"frame {number + 1} has more bytes than an image can need")
        return b"".join([self._read(one.start, one.size) for one in found]), 0

    def _extended_offsets(self) -> Sequence[int]:
        raw = self.data_set.raw(_EXTENDED_OFFSETS)
        count = self.pixels.frames
        return Struct(f"<{count}Q").unpack(raw) if len(raw) == 8 * count else ()

    def _header(self) -> DataSet:
        size = _FIRST_BYTES
        while True:
            head = self._read(0, size)
            try:
                return read_header(head, self._syntax, bulk_bytes_min=_BULK_BYTES_MIN)
            except CutShort as error:
                if len(head) < size:
                    raise NoPicture("it has no pixels") from error
                if size >= _HEADER_BYTES_MAX:
                    raise NoPicture("its header is longer than any with pixels") from error
            size *= _GROWTH

    def _read(self, offset: int, size: int) -> bytes:
        """Read what is there; less only at the end."""
        if self._whole is not None:
            return self._whole[offset : offset + size]
        size = min(size, max(self._payload.size - offset, 0))
        buffer = bytearray(size)
        view = memoryview(buffer)
        done = 0
        while done < size:
            got = self._payload.read_at(view[done:], offset + done)
            if not got:
                raise CorruptPayload(f"the payload ends after {offset + done:,} bytes")
            done += got
        return bytes(buffer)

    def _inflated(self) -> bytes:
        """Unfold a deflated data set as a whole: there is no other way to its end."""
        if self._payload.size > INFLATED_BYTES_MAX:
            raise NoPicture("its deflated data set is too long to be unfolded for pictures")
        inflater = Inflater(DEFAULT_LIMITS)
        whole = bytearray()
        for piece in inflater.inflate(self._read(0, self._payload.size)):
            whole += piece
            if len(whole) > INFLATED_BYTES_MAX:
                raise NoPicture("its deflated data set unfolds to more than pictures are made of")
        return bytes(whole)


def _pixel_bulk(data_set: DataSet) -> Bulk:
    for tag in tags.PIXEL_TAGS:
        _, value = data_set.elements.get(tag, ("", b""))
        if isinstance(value, Bulk):
            return value
    raise NoPicture("it has no pixels")
