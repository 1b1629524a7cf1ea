"""Media types, and which of them somebody accepts (RFC 9110 §8.3.1, §12.5.1; PS3.18 §8.7)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hilum.kernel.errors import RemoteProtocolError

# A header is as long as whoever writes it likes; media types of DICOMweb have 200 characters.
HEADER_LENGTH_MAX: Final = 8192
# An Accept header of a browser has eight ranges, one of a DICOM viewer thirty (transfer syntaxes).
RANGES_MAX: Final = 128
# A peer writes the same few types again and again; so many of at most this length are remembered.
_REMEMBERED_MAX: Final = 256
_REMEMBERED_LENGTH_MAX: Final = 256

# RFC 9110 §5.6.2 calls it a token.
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE: Final = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
# A value without quotes may not have a slash by RFC 9110; `type=application/dicom` is met so often
# that PS3.18 readers must take it.
_PARAMETER: Final = re.compile(
    rf';\s*(?:({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?\s*', re.DOTALL
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_QUOTES: Final = re.compile(rf"(?!{_WORD}\Z)")

DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"
DICOM_XML: Final = "application/dicom+xml"
MULTIPART_RELATED: Final = "multipart/related"
MULTIPART_BYTERANGES: Final = "multipart/byteranges"


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype; name=value`, its names in lower case. Also a range, with `*` in it."""

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str:
        """Give the value of a parameter; empty when it is not there."""
        return next((value for key, value in self.parameters if key == name), "")

    def covers(self, other: str) -> bool:
        """Tell whether this range includes the media type `other`, parameters aside."""
        if self.essence in {"*/*", other}:
            return True
        kind, _, subtype = self.essence.partition("/")
        return subtype == "*" and other.partition("/")[0] == kind

    def __str__(self) -> str:
        return self.essence + "".join(f"; {name}={quoted(v)}" for name, v in self.parameters)


@dataclass(frozen=True, slots=True)
class Preference:
    """One range of an Accept header; a `quality` of 0 means: not this."""

    media_type: MediaType
    quality: float = 1.0


def media_type(text: str) -> MediaType:
    """Read a Content-Type.

    Raises:
        RemoteProtocolError: it is not one.
    """
    return _remembered(text) if len(text) <= _REMEMBERED_LENGTH_MAX else _media_type(text)


def _media_type(text: str) -> MediaType:
    found, end = _read(_bounded(text), 0)
    if end != len(text):
        raise _malformed(text)
    return found


_remembered: Final = lru_cache(_REMEMBERED_MAX)(_media_type)


def preferences(text: str) -> tuple[Preference, ...]:
    """Read an Accept header, best first; ranges of equal quality stay in their order.

    Nothing in it means: anything (RFC 9110 §12.5.1).

    Raises:
        RemoteProtocolError: it cannot be read.
    """
    ranges = [_preference(one) for one in _ranges(_bounded(text))]
    if not ranges:
        return (Preference(MediaType("*/*")),)
    return tuple(sorted(ranges, key=lambda one: -one.quality))


def _bounded(text: str) -> str:
    if len(text) > HEADER_LENGTH_MAX:
        raise RemoteProtocolError(
            f"a media type header has {len(text)} characters; we read {HEADER_LENGTH_MAX}"
        )
    return text


def _ranges(text: str) -> Iterator[MediaType]:
    at = count = 0
    while at < len(text):
        if text[at] in " \t,":
            at += 1
            continue
        found, at = _read(text, at)
        if at < len(text) and text[at] != ",":
            raise _malformed(text)
        count += 1
        if count > RANGES_MAX:
            raise RemoteProtocolError(f"an Accept header has more than {RANGES_MAX} ranges")
        yield found


def _read(text: str, at: int) -> tuple[MediaType, int]:
    """Read one media type that begins at `at`; also say where it ends."""
    found = _TYPE.match(text, at)
    if found:
        essence = f"{found[1]}/{found[2]}".lower()
    else:
        # Seen: a lone `*` from java.net.HttpURLConnection, whose default Accept ends with it.
        found = re.compile(r"\s*\*\s*").match(text, at)
        if not found:
            raise _malformed(text)
        essence = "*/*"
    parameters: list[tuple[str, str]] = []
    at = found.end()
    while part := _PARAMETER.match(text, at):
        at = part.end()
        if part[1]:
            value = part[3] if part[2] is None else _QUOTED_PAIR.sub(r"\1", part[2])
            parameters.append((part[1].lower(), value))
    return MediaType(essence, tuple(parameters)), at


def _preference(found: MediaType) -> Preference:
    parameters = tuple(one for one in found.parameters if one[0] != "q")
    return Preference(MediaType(found.essence, parameters), _quality(found.parameter("q")))


def _quality(text: str) -> float:
    """Read a q-value (RFC 9110 §12.4.2); one that is no number is as good as none."""
    try:
        return min(max(float(text), 0.0), 1.0) if text.isascii() and text else 1.0
    except ValueError:
        return 1.0


def quoted(value: str) -> str:
    """Write the value of a parameter, in quotes if it needs them."""
    if value.isalnum() and value.isascii():
        return value
    if not _NEEDS_QUOTES.match(value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{text[:200]!r} is not a media type (RFC 9110 §8.3.1)")
