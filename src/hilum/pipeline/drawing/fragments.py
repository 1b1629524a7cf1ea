"""Where the frames of encapsulated pixels are (PS3.5 §A.4): by their table, or by their fragments.

Reads headers of fragments only. Blocks: for threads.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from hilum.imaging.refusal import DamagedPixels

_ITEM_HEADER: Final = Struct("<HHI")
_HEADER_BYTES: Final = _ITEM_HEADER.size
_ITEM: Final = 0xFFFEE000
_SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
# A slide has a hundred thousand tiles, each a fragment; walking through ten times that takes
# seconds.
FRAGMENTS_MAX: Final = 1_000_000
# How codestreams begin: JPEG and JPEG-LS, JPEG 2000, JPEG XL.
_STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\0\0\0\x0c")
_START_BYTES: Final = 4

ReadAt = Callable[[int, int], bytes]  # position and count; less only at the end of the payload


class Fragment(NamedTuple):
    """The content of one: its place in the payload, and its length."""

    start: int
    size: int


class Fragments:
    """Finds frames, the first being 0. What it found once it remembers."""

    def __init__(
        self, read: ReadAt, position: int, frames: int, offsets: Sequence[int] = ()
    ) -> None:
        """Begin; `position` is behind the header of the pixel element.

        `offsets`: of an extended offset table, which goes before the basic one.

        Raises:
            DamagedPixels: no basic offset table stands there.
        """
        self._read = read
        self._frames = frames
        table = self._item(position)
        if table is None:
            raise DamagedPixels("the encapsulated pixels do not begin with an offset table")
        self._first = table.start + table.size
        self._offsets = offsets or self._basic(table)
        self._found: list[list[Fragment]] | None = None

    def of(self, frame: int) -> list[Fragment]:
        """Give the fragments of a frame.

        Raises:
            DamagedPixels: they cannot be told from those of others.
        """
        if self._found is None and len(self._offsets) == self._frames:
            found = self._by_table(frame)
            if found:
                return found
        if self._found is None:
            self._found = self._by_fragments()
        return self._found[frame]

    def _basic(self, table: Fragment) -> Sequence[int]:
        if self._frames > FRAGMENTS_MAX or table.size != 4 * self._frames:
            return ()
        return Struct(f"<{self._frames}I").unpack(self._read(table.start, table.size))

    def _by_table(self, frame: int) -> list[Fragment]:
        """Follow the table; nothing if it leads to no fragment: such tables are met."""
        start = self._first + self._offsets[frame]
        is_last = frame + 1 == self._frames
        end = None if is_last else self._first + self._offsets[frame + 1]
        found: list[Fragment] = []
        while end is None or start < end:
            fragment = self._item(start)
            if fragment is None:
                return found if end is None else []
            found.append(fragment)
            start = fragment.start + fragment.size
        return found if start == end else []

    def _by_fragments(self) -> list[list[Fragment]]:
        """Walk through all: each is a frame, all are one, or frames begin where codestreams do."""
        every: list[Fragment] = []
        at = self._first
        while (fragment := self._item(at)) is not None:
            every.append(fragment)
            at = fragment.start + fragment.size
            if len(every) > FRAGMENTS_MAX:
                raise DamagedPixels(f"the pixels have more than {FRAGMENTS_MAX:,} fragments")
        if len(every) == self._frames:
            return [[one] for one in every]
        if self._frames == 1 and every:
            return [every]
        found: list[list[Fragment]] = []
        for one in every:
            if self._read(one.start, _START_BYTES).startswith(_STARTS):
                found.append([])
            if found:
                found[-1].append(one)
        if len(found) != self._frames:
            raise DamagedPixels(
                f"{len(every)} fragments are to be {self._frames} frames, and nothing says which"
            )
        return found

    def _item(self, at: int) -> Fragment | None:
        """Give the fragment whose header is at a place; None: there is none, or no end of it."""
        header = self._read(at, _HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return None
        group, element, size = _ITEM_HEADER.unpack(header)
        if group << 16 | element != _ITEM or size == _UNDEFINED:
            return None
        return Fragment(at + _HEADER_BYTES, size)
