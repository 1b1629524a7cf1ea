"""Where values lie in a data set, found by walking through windows of it: no value is ever read.

Whoever has the bytes gives them: what is long is stepped over, and need not be at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.bulk import BulkPath
from hilum.dicom.encoding import Encoding, encoding
from hilum.dicom.header import Header
from hilum.dicom.limits import DEFAULT_LIMITS, ReaderLimits
from hilum.dicom.nesting import DATA_SET, ITEM, SEQUENCE, UNDEFINED
from hilum.dicom.runs import HEADER_BYTES
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.tags import PIXEL_TAGS
from hilum.dicom.vrs import vr_of
from hilum.dicom.walker import StructureWalker

# What is looked at in one go: most headers fit, and no more is read where a long value follows.
WINDOW_BYTES: Final = 16 << 10

ReadAt = Callable[[int, int], bytes]  # position and count; less only at the end of the data set


@dataclass(frozen=True, slots=True)
class Located:
    """A value: where it is, in bytes of the (inflated) data set, and how to understand it."""

    path: BulkPath
    vr: str
    position: int  # behind its header
    length: int | None  # None: it comes in fragments (PS3.5 §A.4)
    little_endian: bool


class Reached(Exception):
    """Ends a walk that needs to go no further."""


class Locating:
    """One walk, a window at a time. `is_over`: there is nothing more to find."""

    def __init__(self, walker: StructureWalker, read: ReadAt, size: int | None) -> None:
        """Begin; `size` is that of the data set, None if nobody knows before its end."""
        self.is_over = False
        self._walker = walker
        self._read = read
        self._size = size
        self._position = 0
        self._need = 0

    def step(self) -> None:
        """Look at the next window. Raises CorruptPayload, and what reading raises."""
        wanted = max(WINDOW_BYTES, self._need)
        window = self._read(self._position, wanted)
        end = self._position + len(window)
        is_final = len(window) < wanted or end == self._size
        if not self._position and window:
            self._walker.start(window)
        try:
            step = self._walker.walk(window, self._position, is_final=is_final)
        except Reached:
            self.is_over = True
            return
        self._position += step
        self._need = self._walker.need_bytes if step < len(window) else 0
        # Behind the last element there may be zeros, which are too few for another one.
        self.is_over = is_final and (step < len(window) or self._position >= end)


class PixelLocator(StructureWalker):
    """Finds the pixels of a data set, and on the way there what says how they are laid out."""

    def __init__(
        self,
        syntax: TransferSyntax,
        *,
        wanted: frozenset[int],
        noted: frozenset[int],
        limits: ReaderLimits = DEFAULT_LIMITS,
    ) -> None:
        """Begin; values of `wanted` are kept, of `noted` ones only their places."""
        super().__init__(
            explicit=syntax.explicit,
            little_endian=syntax.little_endian,
            wanted=wanted | noted,
            limits=limits,
        )
        self.pixels: Located | None = None
        self.noted: dict[int, Located] = {}
        self._noted = noted

    @property
    def header(self) -> Header:
        """What was wanted."""
        return Header(self.values, self.tolerated, little_endian=self.beginning.little_endian)

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        tag = _tag_at(window, at, self._encoding)
        if self._kind == DATA_SET and (tag in PIXEL_TAGS or tag in self._noted):
            start = at + header_bytes
            found = _located((tag,), window, at, start + self._base, length, self._encoding)
            if tag in PIXEL_TAGS:
                self.pixels = found
                raise Reached
            self.noted[tag] = found
            return start + length
        return super()._meet_element(window, at, header_bytes, length)


class _PathWalker(StructureWalker):
    """Walks header by header, and knows the way to each: slower than the walk that it is one of."""

    def __init__(self, syntax: TransferSyntax, limits: ReaderLimits) -> None:
        super().__init__(
            explicit=syntax.explicit,
            little_endian=syntax.little_endian,
            wanted=frozenset(),
            limits=limits,
        )
        self._tag = 0
        self._way: list[list[int]] = []  # tag of each open sequence, number of the item in it

    def _path(self) -> BulkPath:
        return (*[step for pair in self._way for step in pair], self._tag)

    def _walk_explicit(self, window: bytes, at: int) -> int:
        return self._one(window, at)

    def _walk_implicit(self, window: bytes, at: int) -> int:
        return self._one(window, at)

    def _one(self, window: bytes, at: int) -> int:
        next(self._budget, None)
        if at + HEADER_BYTES <= len(window) and at + self._base < self._end:
            if self._encoding.read_item(window, at)[0] == self._delimiter:
                self._close()
                return at + HEADER_BYTES
            self._tag = _tag_at(window, at, self._encoding)
        return self._settle(window, at)

    def _open(self, at: int, length: int, kind: int, inside: Encoding) -> int:
        if kind == SEQUENCE and length:
            self._way.append([self._tag, -1])
        elif kind == ITEM and self._way:
            self._way[-1][1] += 1
        return super()._open(at, length, kind, inside)

    def _close(self) -> None:
        if self._kind == SEQUENCE:
            self._way.pop()
        super()._close()


class ValueLocator(_PathWalker):
    """Finds one value by its path."""

    def __init__(
        self, syntax: TransferSyntax, path: BulkPath, *, limits: ReaderLimits = DEFAULT_LIMITS
    ) -> None:
        super().__init__(syntax, limits)
        self.found: Located | None = None
        self._target = path

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        path = self._path()
        if path == self._target:
            position = at + header_bytes + self._base
            self.found = _located(path, window, at, position, length, self._encoding)
            raise Reached
        return super()._meet_element(window, at, header_bytes, length)

    def _meet_long(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        now = self._encoding
        is_unknown = now.read_element(window, at)[1] == now.unknown_vr
        if is_unknown and length != UNDEFINED and self._leads_on():
            # A sequence that says UN: implicit little endian inside (PS3.5 §6.2.2).
            inside = encoding(explicit=False, little_endian=True, wanted=self._wanted)
            return self._open(at + header_bytes, length, SEQUENCE, inside)
        return super()._meet_long(window, at, header_bytes, length)

    def _open(self, at: int, length: int, kind: int, inside: Encoding) -> int:
        if kind == SEQUENCE and length != UNDEFINED and not self._leads_on():
            return at + length
        return super()._open(at, length, kind, inside)

    def _leads_on(self) -> bool:
        """Tell whether the target is within the element that was met."""
        path = self._path()
        return len(path) < len(self._target) and self._target[: len(path)] == path


class ValueLister(_PathWalker):
    """Finds all values that are wanted; whoever walks takes `found` now and then."""

    def __init__(
        self,
        syntax: TransferSyntax,
        wants: Callable[[Located], bool],
        *,
        limits: ReaderLimits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(syntax, limits)
        self.found: list[Located] = []
        self._wants = wants

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        behind = super()._meet_element(window, at, header_bytes, length)
        position = at + header_bytes + self._base
        one = _located(self._path(), window, at, position, length, self._encoding)
        if self._wants(one):
            self.found.append(one)
        return behind


def _tag_at(window: bytes, at: int, now: Encoding) -> int:
    order: Final = "little" if now.little_endian else "big"
    group = int.from_bytes(window[at : at + 2], order)
    return group << 16 | int.from_bytes(window[at + 2 : at + 4], order)


def _located(
    path: BulkPath, window: bytes, at: int, position: int, length: int, now: Encoding
) -> Located:
    if now.explicit:
        vr = window[at + 4 : at + 6].decode("latin_1")
    else:
        # Of those that depend on others, any will do: they differ in nothing that is asked here.
        vr = vr_of(path[-1]).partition(" ")[0]
    known = None if length == UNDEFINED else length
    return Located(path, vr, position, known, now.little_endian)
