"""The Range header: parts of a body by their bytes (RFC 9110 §14)."""

import re
from dataclasses import dataclass
from typing import Final

from hilum.dicomweb.refusal import RequestRefused

RANGES_MAX: Final = 16  # more are an attack (RFC 9110 §14.2); the whole is the answer then
_HEADER_CHARACTERS_MAX: Final = 512
_RANGE: Final = re.compile(r"\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to `end`, which is not among them."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """Write the Content-Range of a 206."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def spans_of(header: str, size: int) -> tuple[Span, ...]:
    """Read a Range header for a body of `size` bytes; nothing: answer with the whole.

    What is malformed, in another unit, or too much is ignored, as RFC 9110 §14.2 has it.

    Raises:
        RequestRefused: 416, none of the spans is in the body.
    """
    unit, separator, text = header.partition("=")
    if not separator or unit.strip().lower() != "bytes" or len(header) > _HEADER_CHARACTERS_MAX:
        return ()
    parts = [part for part in text.split(",") if part.strip()]
    found = [_RANGE.fullmatch(part) for part in parts]
    if not found or len(found) > RANGES_MAX:
        return ()
    spans: list[Span] = []
    for one in found:
        if one is None or not _has_meaning(one[1], one[2]):
            return ()
        spans.append(_span(one[1], one[2], size))
    inside = [span for span in spans if span.length > 0]
    if not inside:
        raise RequestRefused(
            416, f"the range is outside of {size} bytes", {"Content-Range": f"bytes */{size}"}
        )
    return _without_overlap(inside)


def _has_meaning(first: str, last: str) -> bool:
    if first and last:
        return int(first) <= int(last)
    return bool(first or last)


def _span(first: str, last: str, size: int) -> Span:
    """Make a span of `first-last`, `first-` or `-number`; it is empty outside of the body."""
    if not first:
        return Span(max(size - int(last), 0), size)
    start = min(int(first), size)
    return Span(start, min(int(last) + 1, size) if last else size)


def _without_overlap(spans: list[Span]) -> tuple[Span, ...]:
    """Join spans that overlap: asking for the same bytes twice shall not send them twice."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)
