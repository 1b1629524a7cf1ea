"""The headers of a part of a multipart body: where they end, and what they say."""

import re
from typing import Final

from hilum.kernel.errors import RemoteProtocolError

HEADERS_MAX: Final = 64


def parsed(block: bytes, part: int) -> dict[str, str]:
    """Give headers by their names in lower case. `part`: whose they are, for who is told.

    Raises:
        RemoteProtocolError: they are none, or too many.
    """
    headers: dict[str, str] = {}
    # Values are latin-1 as in HTTP; a folded line continues the one before (RFC 5322 §2.2.3).
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", block)
    for line in unfolded.split(b"\n"):
        text = line.rstrip(b"\r").decode("latin-1")
        if not text:
            continue
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            # Reading on would swallow a part, and nobody would miss it.
            raise RemoteProtocolError(f"a header line of part {part} has no colon")
        headers.setdefault(name.strip().lower(), value.strip())
        if len(headers) > HEADERS_MAX:
            raise RemoteProtocolError(f"part {part} has more than {HEADERS_MAX} headers")
    return headers


def blank_line(block: bytearray, at: int) -> int:
    """Find where the headers end: behind an empty line; -1: not here yet."""
    if block.startswith(b"\r\n"):
        return 2
    if block.startswith(b"\n"):
        return 1
    ends = [found + len(end) for end in (b"\n\r\n", b"\n\n") if (found := block.find(end, at)) >= 0]
    return min(ends, default=-1)
