"""Paths and query strings decoded (RFC 3986 §2.1; PS3.18 §8.3): from bytes into texts, bounded."""

import re
from typing import Final

from hilum.dicomweb.refusal import RequestRefused, bad

# The way to a value in the deepest data set that is read at all has some 1,000 characters.
PATH_BYTES_MAX: Final = 4096
SEGMENTS_MAX: Final = 160
# A thousand UIDs in one list; most servers of HTTP stop before.
QUERY_BYTES_MAX: Final = 96 << 10
PAIRS_MAX: Final = 512

_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)


def path_segments(raw_path: bytes) -> tuple[str, ...]:
    """Cut a path, as it came, into decoded segments; a slash that is escaped cuts nothing.

    Empty segments at both ends are left out: `/studies/` is met as often as `/studies`.

    Raises:
        RequestRefused: it is too long, not UTF-8, or has an empty segment inside.
    """
    if len(raw_path) > PATH_BYTES_MAX or raw_path.count(b"/") > SEGMENTS_MAX:
        raise RequestRefused(414, f"the path has more than {PATH_BYTES_MAX} bytes")
    trimmed = raw_path.removeprefix(b"/").removesuffix(b"/")
    if not trimmed:
        return ()
    if b"%" in trimmed:
        segments = tuple([_decoded(one, "the path") for one in trimmed.split(b"/")])
    else:
        segments = tuple(_decoded(trimmed, "the path").split("/"))
    if not all(segments):
        raise bad("the path has two slashes in a row")
    return segments


def query_pairs(query: bytes) -> tuple[tuple[str, str], ...]:
    """Read a query string, without its question mark, in its order.

    A plus is a space, as every library of forms writes it; a parameter without `=` is empty.

    Raises:
        RequestRefused: it is too long, or not UTF-8.
    """
    if len(query) > QUERY_BYTES_MAX:
        raise RequestRefused(414, f"the query has more than {QUERY_BYTES_MAX} bytes")
    parts = [part for part in query.replace(b"+", b" ").split(b"&") if part]
    if len(parts) > PAIRS_MAX:
        raise bad(f"the query has more than {PAIRS_MAX} parameters")
    pairs = [part.partition(b"=") for part in parts]
    return tuple(
        [
            (_decoded(name, "a parameter"), _decoded(value, "a parameter"))
            for name, _, value in pairs
        ]
    )


def once(pairs: tuple[tuple[str, str], ...], name: str) -> str:
    """Give the value of a parameter that may be there once; "" when it is not there.

    Raises:
        RequestRefused: it is there twice, with different values.
    """
    values = {value for key, value in pairs if key.lower() == name.lower()}
    if len(values) > 1:
        raise bad(f"{name} is there more than once")
    return next(iter(values), "")


def encoded(text: str) -> str:
    """Escape a text as one segment of a path, or a value of a query."""
    return "".join(
        [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8")]
    )


def _decoded(raw: bytes, what: str) -> str:
    """Decode; a percent sign that escapes nothing stands for itself, as in browsers."""
    plain = _ESCAPED.sub(_byte, raw) if b"%" in raw else raw
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad(f"{what} is not UTF-8 (PS3.18 §8.8.1)") from error
    if "\0" in text:
        raise bad(f"{what} has a NUL in it")
    return text


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])
