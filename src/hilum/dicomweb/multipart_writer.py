"""Writes multipart bodies piece by piece, their length known before they begin.

Those of instances and values are multipart/related (RFC 2387).

Some servers refuse chunked bodies, so the exact Content-Length must be there before the first byte.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from hilum.dicomweb.media_types import (
    MULTIPART_BYTERANGES,
    MULTIPART_RELATED,
    MediaType,
    quoted,
)

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=?]{1,70}")  # RFC 2046 §5.1.1


class MultipartWriter:
    """The framing of one body: what stands before, between and behind its parts.

    `boundary` must not occur in any part: 16 random bytes in hex never do.
    """

    def __init__(self, boundary: str, part_type: str = "") -> None:
        """Write parts of `part_type`; without one they are ranges of a body (RFC 9110 §14.6)."""
        if not _BOUNDARY.fullmatch(boundary):
            raise ValueError(f"{boundary!r} cannot be a boundary (RFC 2046 §5.1.1)")
        self._delimiter = b"--" + boundary.encode("ascii")
        self.content_type = f"{_kind_of(part_type)}; boundary={quoted(boundary)}"

    def head(self, headers: Mapping[str, str], *, is_first: bool) -> bytes:
        """Write what comes before the bytes of a part."""
        lines = [b"" if is_first else b"\r\n", self._delimiter, b"\r\n"]
        for name, value in headers.items():
            lines.append(f"{name}: {value}\r\n".encode("latin-1"))
        lines.append(b"\r\n")
        return b"".join(lines)

    @property
    def closing(self) -> bytes:
        """Write what comes behind the last part."""
        return b"\r\n" + self._delimiter + b"--\r\n"

    def content_length(self, parts: Iterable[tuple[bytes, int]]) -> int:
        """Sum up a body of parts, each given as its head and the size of its content."""
        return sum(len(head) + size for head, size in parts) + len(self.closing)


@lru_cache(maxsize=64)
def _kind_of(part_type: str) -> str:
    """Write the type of a body but for its boundary, which is another one each time."""
    if part_type:
        return str(MediaType(MULTIPART_RELATED, (("type", part_type),)))
    return MULTIPART_BYTERANGES
