"""Bodies that a server has compressed for the way (RFC 9110 §8.4), unfolded within bounds."""

import zlib
from collections.abc import Iterator
from typing import Final

from hilum.kernel.errors import RemoteProtocolError

ACCEPT_ENCODING: Final = "gzip, deflate"
# What one step gives at most; also what it costs in memory.
_PIECE_BYTES: Final = 256 << 10
# Lists in JSON come to 50:1, empty images to 1,000:1. The ratio counts only beyond what a study of
# blank frames needs; above it, real bodies are below it.
EXPANSION_FLOOR_BYTES: Final = 64 << 20
EXPANSION_MAX: Final = 200
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_ZLIB_HEADER_BYTES: Final = 2
_METHODS: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class Unfolding:
    """One compressed body. Never holds more than a piece, however much comes of it."""

    def __init__(self, coding: str) -> None:
        """Take a Content-Encoding.

        Raises:
            RemoteProtocolError: it is one that we did not ask for.
        """
        method = _METHODS.get(coding.strip().lower())
        if method is None:
            raise RemoteProtocolError(
                f"the body comes in {coding[:40]!r}, which we did not ask for"
            )
        self._is_gzip = method == "gzip"
        self._stream: zlib._Decompress | None = self._new() if self._is_gzip else None
        self._head = b""
        self._bytes_in = 0
        self._bytes_out = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what comes of the next bytes.

        Raises:
            RemoteProtocolError: they are damaged, or unfold beyond the bound.
        """
        self._bytes_in += len(data)
        if self._stream is None:
            data = self._head + data
            if len(data) < _ZLIB_HEADER_BYTES:
                self._head = data
                return
            # Seen: servers that send deflate without the zlib frame around it (RFC 9110 §8.4.1.2).
            self._stream = self._new() if _is_zlib(data) else zlib.decompressobj(-zlib.MAX_WBITS)
        yield from self._unfold(self._stream, data)

    def _unfold(self, stream: "zlib._Decompress", rest: bytes) -> Iterator[bytes]:
        while True:
            if stream.eof:
                if not (self._is_gzip and rest):
                    return
                stream = self._stream = self._new()  # another member (RFC 1952 §2.2)
            try:
                piece = stream.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise RemoteProtocolError(f"the compressed body is damaged: {error}") from error
            self._bytes_out += len(piece)
            self._check()
            if piece:
                yield piece
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
            # A full piece may have a rest that zlib still holds without any input left.
            if not rest and len(piece) < _PIECE_BYTES:
                return

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            RemoteProtocolError: it was cut.
        """
        if self._bytes_in and (self._stream is None or not self._stream.eof):
            raise RemoteProtocolError("the compressed body ended before its end")

    def _new(self) -> "zlib._Decompress":
        return zlib.decompressobj(_GZIP_OR_ZLIB)

    def _check(self) -> None:
        if self._bytes_out > max(EXPANSION_FLOOR_BYTES, self._bytes_in * EXPANSION_MAX):
            raise RemoteProtocolError(
                f"{self._bytes_in} compressed bytes unfold to more than {self._bytes_out - 1}"
            )


def _is_zlib(head: bytes) -> bool:
    """Tell whether it begins as RFC 1950 §2.2 says."""
    return head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
