"""Deflated data sets: raw deflate in, bounded pieces of the data set out (PS3.5 §A.5)."""

import zlib
from collections.abc import Iterator
from typing import Final

from hilum.dicom.limits import ReaderLimits
from hilum.kernel.errors import CorruptPayload

# What is inflated at once. Larger costs memory on every association, smaller costs time.
_PIECE_BYTES: Final = 64 << 10


class Inflater:
    """One deflate stream. Never holds more than one piece, however much the stream unfolds to."""

    def __init__(self, limits: ReaderLimits) -> None:
        self._limits = limits
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)  # raw: no header, no checksum
        self._has_ended = False
        self._bytes_in = 0
        self._bytes_out = 0
        # Behind the stream. One is padding to an even length (PS3.5 §A.5). Seen: eight, the
        # checksum and length of a gzip file (image_dfl.dcm of the pydicom test files).
        self.trailing_bytes = 0

    def inflate(self, chunk: bytes | bytearray | memoryview) -> Iterator[bytes]:
        """Give what the stream unfolds to so far.

        Raises:
            CorruptPayload: not a deflate stream, or one that unfolds beyond the limits.
        """
        if self._has_ended:
            self.trailing_bytes += len(chunk)
            return
        self._bytes_in += len(chunk)
        rest: bytes | bytearray | memoryview = chunk
        while True:
            try:
                piece = self._stream.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise CorruptPayload(f"the deflated data set is damaged: {error}") from error
            self._bytes_out += len(piece)
            self._check_size()
            if piece:
                yield piece
            rest = self._stream.unconsumed_tail
            self._has_ended = self._stream.eof
            if self._has_ended:
                self.trailing_bytes += len(self._stream.unused_data)
                return
            # A full piece may have a rest that zlib still holds without any input left.
            if not rest and len(piece) < _PIECE_BYTES:
                return

    def finish(self) -> None:
        """Check that the stream came to its end.

        Raises:
            CorruptPayload: it did not.
        """
        if not self._has_ended:
            raise CorruptPayload("the deflated data set is cut off (PS3.5 §A.5)")

    def _check_size(self) -> None:
        limits = self._limits
        ratio_max = max(limits.inflated_floor_bytes, self._bytes_in * limits.inflated_ratio_max)
        if self._bytes_out > min(limits.inflated_bytes_max, ratio_max):
            raise CorruptPayload(
                f"{self._bytes_in} deflated bytes unfold to more than {self._bytes_out - 1}: "
                "more than any real data set does"
            )
