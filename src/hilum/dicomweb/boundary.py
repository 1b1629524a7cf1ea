"""The boundaries of multipart bodies (RFC 2046 §5.1.1): what they are, and where they are in bytes.

Nothing is remembered here; where in a body a reader is, `multipart_reader` knows.
"""

from typing import Final

from hilum.dicomweb.media_types import MediaType
from hilum.kernel.errors import RemoteProtocolError

BOUNDARY_LENGTH_MAX: Final = 256  # RFC 2046 §5.1.1 says 70; longer ones are met
PADDING_MAX: Final = 64  # spaces behind a boundary, which some gateways add (RFC 2046 §5.1.1)


def boundary_of(content_type: MediaType) -> str:
    """Give the boundary of a multipart type.

    Raises:
        RemoteProtocolError: it is not multipart, or it has no boundary that can be used.
    """
    boundary = content_type.parameter("boundary")
    if not content_type.essence.startswith("multipart/"):
        raise RemoteProtocolError(f"{content_type.essence} is not a multipart type")
    if not 0 < len(boundary) <= BOUNDARY_LENGTH_MAX or not boundary.isascii():
        raise RemoteProtocolError(
            f"the boundary of the multipart body has {len(boundary)} characters; expected "
            f"1 to {BOUNDARY_LENGTH_MAX} of ASCII"
        )
    return boundary


def end_of_line(view: memoryview, at: int) -> int:
    """Find where the line of a boundary ends; 0: not here yet; -1: it is no boundary."""
    line = bytes(view[at : at + PADDING_MAX + 2])
    if line[:2] == b"--":
        return at + 2
    rest = line.lstrip(b" \t")
    if rest.startswith(b"\n"):
        return at + len(line) - len(rest) + 1
    if rest.startswith(b"\r\n"):
        return at + len(line) - len(rest) + 2
    if rest in {b"", b"\r"} or line == b"-":
        return 0 if len(line) <= PADDING_MAX else -1
    return -1


def possible_start(view: memoryview, at: int, delimiter: bytes) -> int:
    """Find where at the end of `view`, from `at` on, a delimiter may have begun."""
    start = max(at, len(view) - len(delimiter) + 1)
    tail = bytes(view[start:])
    offset = tail.find(delimiter[:1])
    while offset >= 0:
        if delimiter.startswith(tail[offset:]):
            return start + offset
        offset = tail.find(delimiter[:1], offset + 1)
    return len(view)


def all_from_the_end(data: bytes | bytearray, wanted: bytes, at: int, end: int) -> list[int]:
    """Find all of it, from the end: looking from there costs a third of looking from the front."""
    found: list[int] = []
    while (place := data.rfind(wanted, at, end)) >= 0:
        found.append(place)
        end = place  # it has a line's end at its beginning and none inside: none overlaps another
    return found
