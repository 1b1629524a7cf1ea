"""Reads multipart bodies (RFC 2046 §5.1) as they arrive, however the stream is split.

Contents pass through as slices of what was fed: nothing is assembled, so a part may be larger than
memory. Preamble and epilogue are skipped, line ends of LF alone are tolerated and counted.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from hilum.dicomweb.boundary import (
    PADDING_MAX,
    all_from_the_end,
    end_of_line,
    possible_start,
)
from hilum.dicomweb.foretold import begin_of_last_pixels, likely_end
from hilum.dicomweb.part_headers import blank_line, parsed
from hilum.kernel.errors import RemoteProtocolError

Bytes = bytes | bytearray | memoryview

HEADER_BYTES_MAX: Final = 16 << 10  # of one part; a Content-Location of any length we saw fits
PREAMBLE_BYTES_MAX: Final = 64 << 10  # a sentence for readers without MIME; nobody writes a page
EPILOGUE_BYTES_MAX: Final = 64 << 10
PARTS_MAX: Final = 1_000_000  # more instances than any study has
_HEADER_STEP_BYTES: Final = 512  # of the headers of a part that are looked at in one go


@dataclass(frozen=True, slots=True)
class PartBegan:
    """The headers of a part are here, their names in lower case."""

    headers: Mapping[str, str]


@dataclass(slots=True)
class PartBytes:
    """A piece of the content of the part that began last. Hot.

    A view of what was fed: as it is for as long as that stays as it is.
    """

    content: memoryview


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The content is complete."""


Event = PartBegan | PartBytes | PartEnded


class _Place(Enum):
    """Where in the body we are."""

    PREAMBLE = auto()
    HEADERS = auto()
    CONTENT = auto()
    EPILOGUE = auto()


@dataclass(slots=True)
class MultipartReader:
    """One body. `feed` it until it ends, then `finish`. `tolerated` counts what was odd.

    `length` is that of the whole body, 0 when nobody knows: a file that is its only part is not
    searched then, if its pixels reach to where the closing boundary must be.
    """

    boundary: str
    length: int = 0
    tolerated: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    _place: _Place = _Place.PREAMBLE
    _held: bytes = b""
    _headers: bytearray = field(default_factory=bytearray)
    _skipped: int = 0
    _at_line_start: bool = True  # a boundary may stand here without a line end before it
    _dashes: bytes = b""
    _line_end: bytes = b"\n"
    _delimiter: bytes = b""
    # Where delimiters are in what was fed, the first of them last; None: nobody looked.
    _found: list[int] | None = None
    # Bytes of the content whose end is known beforehand, that are still to come.
    _foretold: int = 0
    # The same of content that is held back until a boundary is seen at its end, and of that.
    _expected: int = 0
    _awaited: list[memoryview] = field(default_factory=list)
    _was_wrong: bool = False
    _fed: int = 0
    # The headers that were read last, and what they say.
    _known_block: bytes = b""
    _known: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dashes = b"--" + self.boundary.encode("ascii")
        self._expect(b"\n")

    def feed(self, data: Bytes, *, start: int = 0, end: int | None = None) -> Iterator[Event]:
        """Take the next bytes of the body. The events must be consumed before the next call.

        `start` and `end`: no more of `data` counts than what lies between.

        Raises:
            RemoteProtocolError: the body is not multipart or is beyond a limit.
        """
        end = len(data) if end is None else end
        while self._held and start < end:
            # What looked like the beginning of a boundary: what it lacks tells, or some padding.
            lacking = self._boundary_bytes - len(self._held)
            more = memoryview(data)[start : min(start + (max(lacking, 0) or PADDING_MAX), end)]
            start += len(more)
            self._fed -= len(self._held)
            some, self._held = b"".join((self._held, more)), b""
            yield from self._read(some, 0, len(some))
        if start < end:
            yield from self._read(data, start, end)

    def _read(self, data: Bytes, at: int, end: int) -> Generator[Event, None, None]:
        """Take bytes of which those that were held are the first."""
        view, start = memoryview(data).toreadonly()[:end], at
        self._fed += end - start
        self._found = None
        while at < end:
            if self._place is _Place.EPILOGUE:
                self._skip(end - at, EPILOGUE_BYTES_MAX, "behind its last part")
                return
            if self._place is _Place.HEADERS:
                taken, complete = self._take_headers(view[at:])
                at += taken
                if complete is not None:
                    self._foretell(data, at, end)
                    yield complete
                continue
            if self._foretold:
                known = view[at : at + self._foretold]
                self._foretold -= len(known)
                at += len(known)
                yield PartBytes(known)
                continue
            if self._expected:
                at = yield from self._await(view, at)
                continue
            at = yield from self._read_content(data, view, at)

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            RemoteProtocolError: the body was cut.
        """
        if self._place is _Place.EPILOGUE:
            return
        if self._place is _Place.PREAMBLE:
            raise RemoteProtocolError("the multipart body ended before its first boundary")
        raise RemoteProtocolError(f"the multipart body ended inside part {self.parts}")

    @property
    def is_complete(self) -> bool:
        """Tell whether the closing boundary was seen."""
        return self._place is _Place.EPILOGUE

    def _expect(self, line_end: bytes) -> None:
        self._line_end = line_end
        self._delimiter = line_end + self._dashes
        self._found = None

    def _foretell(self, data: Bytes, at: int, end: int) -> None:
        """Find out where the content that begins at `at` ends, if it is all that there is."""
        if isinstance(data, memoryview):
            return
        if self.parts > 1 or not self.length:
            self._expect_end(data, at, end)
            return
        left = self.length - self._fed + end - at  # from here to the end of the body
        closing = self._boundary_bytes
        for size in (left - closing - len(b"\r\n"), left - closing):
            pixels = begin_of_last_pixels(data, at, end, size=size)
            if pixels >= 0:
                # Where another part begins before them, they are its.
                is_later = data.startswith(self._dashes, at) or self._delimiter in data[at:pixels]
                if not is_later:
                    self._foretold, self._at_line_start = size, False
                return
        self._expect_end(data, at, end)

    def _expect_end(self, data: bytes | bytearray, at: int, end: int) -> None:
        """Find out where the content that begins at `at` probably ends."""
        if self._was_wrong:
            return
        pixels, likely = likely_end(data, at, end)
        if likely < 0 or data.startswith(self._dashes, at) or self._delimiter in data[at:pixels]:
            return
        self._expected, self._at_line_start = likely - at + self._boundary_bytes, False

    @property
    def _boundary_bytes(self) -> int:
        """Give how long a boundary is with what tells whether it is one, and the last."""
        return len(self._delimiter) + len(b"--")

    def _await(self, view: memoryview, at: int) -> Generator[Event, None, int]:
        """Hold content back until a boundary is seen where it should end; return where to go on."""
        behind = at + self._expected
        place = behind - self._boundary_bytes
        if behind > len(view):
            place = min(place, len(view))
            self._awaited.append(view[at:place])
            self._held = bytes(view[place:])
            self._expected = behind - place
            return len(view)
        awaited, self._awaited, self._expected = self._awaited, [], 0
        line = place + len(self._delimiter)
        end = end_of_line(view, line) if view[place:line] == self._delimiter else -1
        if end <= 0:
            self._was_wrong = True
            whole = b"".join((*awaited, view[at:]))
            self._fed -= len(whole)
            yield from self.feed(whole)  # which searches it
            return len(view)
        for content in (*awaited, view[at:place]):
            if content:
                yield PartBytes(content)
        yield PartEnded()
        self._pass_boundary(bytes(view[line:end]))
        return end

    def _read_content(self, data: Bytes, view: memoryview, at: int) -> Generator[Event, None, int]:
        """Read up to the next boundary or the end of `data`; return where to go on."""
        in_part = self._place is _Place.CONTENT
        search = at
        while True:
            found, line = self._find(data, search, len(view))
            if found < 0:
                keep = self._possible_start(view, search)
                break
            end = end_of_line(view, line)
            if end == 0:
                keep = found  # the line is not complete yet
                break
            if end < 0:
                search = line  # a longer word that begins like the boundary: content
                self._at_line_start = False
                continue
            if in_part:
                if found > at:
                    yield PartBytes(view[at:found])
                yield PartEnded()
            else:
                self._skip(found - at, PREAMBLE_BYTES_MAX, "before its first part")
            self._pass_boundary(bytes(view[line:end]))
            return end
        if in_part:
            if keep > at:
                yield PartBytes(view[at:keep])
        else:
            self._skip(keep - at, PREAMBLE_BYTES_MAX, "before its first part")
        if keep > at:
            self._at_line_start = False
        self._held = bytes(view[keep:])
        return len(view)

    def _find(self, data: Bytes, at: int, end: int) -> tuple[int, int]:
        """Find the next boundary: where the content before it ends, and where its own ends."""
        if self._at_line_start:
            head = bytes(memoryview(data)[at : min(at + len(self._dashes), end)])
            if head == self._dashes:
                return at, at + len(head)
            if not self._dashes.startswith(head):
                self._at_line_start = False
        found = self._search(data, at, end)
        return found, found + len(self._line_end) + len(self._dashes)

    def _search(self, data: Bytes, at: int, end: int) -> int:
        """Find the first delimiter from `at` on, before `end`; -1: there is none."""
        if isinstance(data, memoryview):
            pattern = re.compile(re.escape(self._delimiter))
            found = pattern.search(data, at, end)
            return found.start() if found else -1
        if self._found is None:
            self._found = all_from_the_end(data, self._delimiter, at, end)
        places = self._found
        while places and places[-1] < at:
            places.pop()
        return places[-1] if places else -1

    def _possible_start(self, view: memoryview, at: int) -> int:
        """Find where at the end of `view` a boundary may have begun."""
        if self._at_line_start and self._dashes.startswith(bytes(view[at:])):
            return at
        return possible_start(view, at, self._delimiter)

    def _pass_boundary(self, line: bytes) -> None:
        self._skipped = 0
        if line == b"--":
            self._place = _Place.EPILOGUE
            return
        if self._place is _Place.PREAMBLE:
            # The first line end tells which one this sender writes.
            self._expect(b"\r\n" if line.endswith(b"\r\n") else b"\n")
        if not line.endswith(b"\r\n"):
            self._tolerate("line end without CR")
        if len(line.strip(b"\r\n")):
            self._tolerate("spaces behind a boundary")
        self.parts += 1
        if self.parts > PARTS_MAX:
            raise RemoteProtocolError(f"the multipart body has more than {PARTS_MAX} parts")
        self._place = _Place.HEADERS

    def _take_headers(self, view: memoryview) -> tuple[int, PartBegan | None]:
        """Collect headers up to their empty line; say how much was taken."""
        before = len(self._headers)
        # Mostly all of them come in the first few bytes of a long piece.
        self._headers += view[: min(_HEADER_STEP_BYTES, HEADER_BYTES_MAX + 1 - before)]
        end = blank_line(self._headers, max(before - 3, 0))
        if end < 0:
            if len(self._headers) > HEADER_BYTES_MAX:
                raise RemoteProtocolError(
                    f"the headers of part {self.parts} have more than {HEADER_BYTES_MAX} bytes"
                )
            return len(self._headers) - before, None
        block = bytes(self._headers[:end])
        if block != self._known_block:  # else it is as that of the part before, as mostly
            self._known, self._known_block = parsed(block, self.parts), block
        began = PartBegan(self._known)
        self._headers.clear()
        self._place = _Place.CONTENT
        self._at_line_start = True
        return end - before, began

    def _skip(self, count: int, limit: int, where: str) -> None:
        self._skipped += count
        if self._skipped > limit:
            raise RemoteProtocolError(f"the multipart body has more than {limit} bytes {where}")

    def _tolerate(self, oddity: str) -> None:
        self.tolerated[oddity] = self.tolerated.get(oddity, 0) + 1
