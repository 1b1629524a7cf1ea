"""Walk the structure of a data set through windows of its bytes, iteratively and bounded.

Knows elements, sequences, items and fragments, and where each must end (PS3.5 §7). Keeps nothing
but the containers that are open and the wanted values; never looks into other values.
"""

from itertools import repeat
from typing import Final, NamedTuple

from hilum.dicom.encoding import ALL_VRS, Encoding, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.oddities import Reading, bytes_to_see, choose, readings
from hilum.kernel.errors import CorruptPayload

_UNDEFINED: Final = 0xFFFFFFFF  # a length that says: look for the delimiter (PS3.5 §7.1.1)
_NOWHERE: Final = 1 << 62  # where the data set ends, as far as its walker knows
_NO_DELIMITER: Final = -1  # of a container whose length is defined: not a key

# Kinds of containers.
_DATA_SET: Final = 0
_ITEM: Final = 1
_SEQUENCE: Final = 2
_FRAGMENTS: Final = 3  # of encapsulated pixel data (PS3.5 §A.4)
_NAMES: Final = ("the data set", "an item", "a sequence", "encapsulated pixel data")

_NOTHING_WANTED: Final[dict[int, int]] = {}
_NO_VRS: Final[frozenset[int]] = frozenset()


class _Container(NamedTuple):
    """What is open. Hot: the loops make and take plain tuples of the same form."""

    end: int  # where it must end; that of the container around it when its own is undefined
    delimiter: int  # the key that ends it
    kind: int
    encoding: Encoding


class StructureWalker:
    """The containers that are open at one place of the stream, and the way on from there.

    Positions are counted from the start of the data set. The innermost container is in
    attributes, those around it are on a stack. In the hot loops all of it is in local variables,
    and positions are relative to the window.
    """

    def __init__(
        self, *, explicit: bool, little_endian: bool, wanted: frozenset[int], limits: ReaderLimits
    ) -> None:
        self._wanted = wanted
        self._encoding = encoding(explicit=explicit, little_endian=little_endian, wanted=wanted)
        self._limits = limits
        self._stack: list[tuple[int, int, int, Encoding]] = []
        self._stack_max = 2 * limits.depth_max  # a level is a sequence and an item
        # One iterator for all loops: when it runs dry, there were too many elements.
        self._budget = repeat(None, limits.elements_max)
        self._end = _NOWHERE
        self._delimiter = _NO_DELIMITER
        self._kind = _DATA_SET
        self._opened_at = 0  # where the first element of the innermost data set stands
        self._base = 0  # position of the window
        self._is_final = False  # nothing follows the window
        self._captured = 0
        self._odd_length = 0
        self.values: dict[int, bytes] = {}
        self.tolerated: dict[str, int] = {}
        self.pixels_reached = False
        # After a walk that stopped short: how many bytes it must see from where it stopped.
        self.need_bytes = 0

    @property
    def is_inside(self) -> bool:
        """Tell whether a sequence, an item or pixel data is open."""
        return self._kind != _DATA_SET

    def start(self, head: bytes) -> None:
        """Look at the first 6 bytes: do they name a VR where the syntax says there is none?

        Seen: explicit data sets that are labelled implicit (SC_rgb_jpeg_dcmd.dcm of the pydicom
        test files). The other way round is found like any implicit element.
        """
        if not self._encoding.explicit and head[4:6] in ALL_VRS:
            self._tolerate("explicit data set in an implicit syntax")
            self._encoding = self._other_encoding(explicit=True)

    def walk(self, window: bytes, base: int, *, is_final: bool = False) -> int:
        """Walk on through `window`, which begins at position `base` with a header.

        Returns where to go on, relative to the window. Behind its end: step over that much.
        Before its end: come again with `need_bytes` bytes from there.

        Raises:
            CorruptPayload: the structure is broken or exceeds the limits.
        """
        self._base = base
        self._is_final = is_final
        self.need_bytes = 0
        at = 0
        while at < len(window) and not self.need_bytes:
            if self._kind == _FRAGMENTS:
                at = self._walk_fragments(window, at)
            elif self._encoding.explicit:
                at = self._walk_explicit(window, at)
            else:
                at = self._walk_implicit(window, at)
        return at

    def finish(self, position: int) -> None:
        """Close what ends where the stream ended, and sum up what was tolerated.

        Raises:
            CorruptPayload: the stream ended inside a container.
        """
        while self._kind != _DATA_SET and position == self._end:
            self._close(was_delimited=False)
        if self._kind != _DATA_SET:
            raise _corrupt(f"the data set ends inside {_NAMES[self._kind]}", position)
        if self._odd_length & 1:
            self._tolerate("odd length")
        if self._captured > len(self.values):
            self._tolerate("duplicate element", self._captured - len(self.values))

    # The two hot loops. They know what well-formed data sets are made of; anything else breaks
    # the loop with `at` on its header, and the methods below them deal with it.

    def _walk_explicit(self, window: bytes, at: int) -> int:  # noqa: C901, PLR0912, PLR0915 -- a call costs as much as an element
        """Walk through explicit elements until the window ends or something rare comes."""
        now = self._encoding
        unpack, unpack_item, unpack_length = (
            now.element.unpack_from, now.item.unpack_from, now.length.unpack_from
        )  # fmt: skip
        short_vrs, long_vrs = now.short_vrs, now.long_vrs
        stack, values, base, size = self._stack, self.values, self._base, len(window)
        end, delimiter, kind = self._end - base, self._delimiter, self._kind
        opened_at, last, odd = self._opened_at, size - 8, self._odd_length
        stop = last if last < end else end - 1
        plain_vrs = _NO_VRS if kind == _SEQUENCE else short_vrs
        wanted = _NOTHING_WANTED if stack else now.wanted
        for _ in self._budget:
            if at <= stop:
                key, vr, length = unpack(window, at)
                if vr in plain_vrs:
                    odd |= length
                    at += 8
                    if key in wanted:
                        if at + length > size:
                            at -= 8
                            break
                        values[wanted[key]] = window[at : at + length]
                        self._captured += 1
                    at += length
                    continue
                if key != delimiter:
                    if kind == _SEQUENCE:
                        if key != now.item_key:
                            break
                        length = unpack_item(window, at)[1]
                        inside, kind_inside, delimiter_inside = at + 8, _ITEM, now.item_delimiter_key
                    elif vr in long_vrs and not length and at + 12 <= size:
                        length = unpack_length(window, at + 8)[0]
                        inside = at + 12
                        if vr != now.sequence_vr:
                            if length == _UNDEFINED or (not stack and key in now.special_keys):
                                break
                            odd |= length
                            at = inside + length
                            continue
                        kind_inside, delimiter_inside = _SEQUENCE, now.sequence_delimiter_key
                    else:
                        break
                    if length == 0:
                        at = inside
                        continue
                    ...
        else:
            raise self._too_many_elements()
        return at
