"""Walks that were made before: what a series repeats in every instance is compared, not walked.

A walk is decided by the bytes of the headers it looks at, and by nothing else. So a data set that
has the same bytes in the same places as one that was walked has the same structure, and its values
lie where the other's did. One comparison of all headers costs a tenth of walking through them.

Learned only from what was walked in full and found free of oddities. Bounded in number and size,
and may be shared: a shape never changes, and a list of them is replaced as a whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final

from hilum.dicom.encoding import Encoding, Reader
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.nesting import FRAGMENTS
from hilum.dicom.walker import StructureWalker
from hilum.kernel.errors import CorruptPayload

# A modality room sends a few kinds of series at a time; each shape costs some 50 KB.
SHAPES_MAX: Final = 16
# Walks are alike, probably, when the values they took are of the same lengths. So many are
# remembered to see whether one comes again.
_SEEN_MAX: Final = 64
# Learning costs as much as a few walks: only once in so many.
_REST_WALKS: Final = 8

_HEADER_BYTES: Final = 8
_LENGTH_BYTES: Final = 4

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """Where one walk looked and what it found there."""

    encoding: Encoding
    # Bytes that must be there to compare all headers and take all values.
    span: int
    # How much it was learned from.
    window_bytes: int
    last_header_at: int
    last_header: bytes
    headers: Struct
    header_bytes: tuple[bytes, ...]
    values: Struct
    tags: tuple[int, ...]
    # What the walk ended with.
    end: int
    odd: int
    captured: int
    pixels_reached: bool

    def fits(self, window: bytes) -> bool:
        """Tell whether `window` has the same headers in the same places."""
        return (
            len(window) >= self.span
            # Most others differ here already.
            and window.startswith(self.last_header, self.last_header_at)
            and self.headers.unpack_from(window) == self.header_bytes
        )

    def may_be_longer(self, window: bytes) -> bool:
        """Tell whether it was learned from a window that was cut, of which `window` has more."""
        return not self.pixels_reached and len(window) > self.window_bytes


class Shapes:
    """The shapes that came lately, the latest first."""

    def __init__(self) -> None:
        self._shapes: tuple[Shape, ...] = ()
        self._seen: set[tuple[int, ...]] = set()
        self._rested = _REST_WALKS

    def find(self, window: bytes, encoding: Encoding) -> Shape | None:
        """Give the shape of a data set that begins with `window`, if it is known."""
        for shape in self._shapes:
            if shape.encoding is encoding and shape.fits(window):
                if shape is not self._shapes[0]:
                    self._put(shape)
                return shape
        return None

    def note(self, window: bytes, walker: StructureWalker, limits: ReaderLimits) -> None:
        """Note that `walker` went through `window`; learn its shape if it seems to come again."""
        self._rested += 1
        lengths = tuple(map(len, walker.values.values()))
        if lengths not in self._seen:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen.add(lengths)
        elif self._rested > _REST_WALKS:
            self._rested = 0
            shape = learn(window, walker.beginning, limits)
            if shape is not None:
                self._put(shape)

    def _put(self, shape: Shape) -> None:
        others = [other for other in self._shapes if other is not shape]
        self._shapes = (shape, *others[: SHAPES_MAX - 1])


def learn(window: bytes, beginning: Encoding, limits: ReaderLimits) -> Shape | None:
    """Walk through the beginning of a data set and note where the walk looks.

    None: it has oddities, or ends inside something.
    """
    watcher = _Watcher(beginning, limits)
    try:
        end = watcher.walk(window, 0)
    except CorruptPayload:
        return None
    if watcher.pixels_at:
        # Fragments of compressed pixels are never alike: the shape ends in front of them.
        front = learn(window[: watcher.pixels_at], beginning, limits)
        return front and replace(front, window_bytes=len(window))
    if watcher.is_strange or end < len(window):
        return None
    return watcher.shape(window, end)


class _Places(dict[int, bytes]):
    """The values a walker takes, and where they lie: behind the header that was read last."""

    def __init__(self, looked_at: list[_Place]) -> None:
        super().__init__()
        self.of: dict[int, _Place] = {}
        self._looked_at = looked_at

    def __setitem__(self, tag: int, value: bytes) -> None:
        start = self._looked_at[-1][0] + _HEADER_BYTES
        self.of[tag] = (start, start + len(value))
        super().__setitem__(tag, value)


class _Watcher(StructureWalker):
    """A walker that notes where it looks: every number it reads comes from a reader of ours."""

    def __init__(self, plain: Encoding, limits: ReaderLimits) -> None:
        super().__init__(
            explicit=plain.explicit,
            little_endian=plain.little_endian,
            wanted=frozenset(plain.wanted.values()),
            limits=limits,
        )
        self.looked_at: list[_Place] = []
        self.pixels_at = 0
        self._has_strangers = False
        self._plain = plain
        self.values = self._places = _Places(self.looked_at)
        self._watched = self._encoding = replace(
            plain,
            read_element=self._noting(plain.read_element, _HEADER_BYTES),
            read_item=self._noting(plain.read_item, _HEADER_BYTES),
            read_length=self._noting(plain.read_length, _LENGTH_BYTES),
        )

    @property
    def is_strange(self) -> bool:
        """Tell whether the walk met something that a shape cannot stand for."""
        return bool(self.tolerated or self.is_inside or self._has_strangers)

    def shape(self, window: bytes, end: int) -> Shape:
        """Give what was seen."""
        headers = _merged(self.looked_at)
        values = sorted(self._places.of.items(), key=lambda found: found[1])
        places = [place for _, place in values]
        return Shape(
            encoding=self._plain,
            span=max(stop for _, stop in headers + places),
            window_bytes=len(window),
            last_header_at=headers[-1][0],
            last_header=window[slice(*headers[-1])],
            headers=_picking(headers),
            header_bytes=tuple(window[start:stop] for start, stop in headers),
            values=_picking(places),
            tags=tuple(tag for tag, _ in values),
            end=end,
            odd=self._odd,
            captured=self._captured,
            pixels_reached=self.pixels_reached,
        )

    def _open(self, at: int, length: int, kind: int, inside: Encoding) -> int:
        # Another encoding has readers that nobody watches.
        self._has_strangers |= inside is not self._watched
        if kind == FRAGMENTS and not self.is_inside:
            self.pixels_at = self.looked_at[-1][0]
        return super()._open(at, length, kind, inside)

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        before = self._captured
        end = super()._meet_element(window, at, header_bytes, length)
        # Where a value lies is told from its header's place: see _Places.
        self._has_strangers |= self._captured > before and header_bytes != _HEADER_BYTES
        return end

    def _noting(self, read: Reader, size: int) -> Reader:
        note = self.looked_at.append

        def noting(window: bytes, at: int) -> tuple[int, ...]:
            note((at, at + size))
            return read(window, at)

        return noting


def _merged(places: Iterable[_Place]) -> list[_Place]:
    """Give the same bytes in as few stretches as possible, in their order."""
    merged: list[_Place] = []
    for start, stop in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _picking(places: Iterable[_Place]) -> Struct:
    """Give what takes the bytes at `places` out of a window, in one go."""
    parts, at = ["<"], 0
    for start, stop in places:
        parts.append(f"{start - at}x{stop - start}s")
        at = stop
    return Struct("".join(parts))
