"""The containers that are open at one place of a data set: items, sequences, encapsulated pixels.

Bounded in depth. Knows where each must end (PS3.5 §7.5), not what is in it.
"""

from typing import Final

from hilum.dicom.encoding import Encoding, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.kernel.errors import CorruptPayload

UNDEFINED: Final = 0xFFFFFFFF  # a length that says: look for the delimiter (PS3.5 §7.1.1)
NO_DELIMITER: Final = -1  # of a container whose length is defined: not a key

# Kinds of containers.
DATA_SET: Final = 0
ITEM: Final = 1
SEQUENCE: Final = 2
FRAGMENTS: Final = 3  # of encapsulated pixel data (PS3.5 §A.4)
_NAMES: Final = ("the data set", "an item", "a sequence", "encapsulated pixel data")

_NOWHERE: Final = 1 << 62  # where the data set ends, as far as anyone knows before it does

# Where a container must end (where the one around it must, when its own length is undefined), the
# key that ends it, its kind and its encoding. A plain tuple: walkers make thousands of them.
_Container = tuple[int, int, int, Encoding]


class Nesting:
    """The innermost container in attributes, those around it on a stack.

    Positions are counted from the start of the data set; `at` is relative to the window, a run of
    bytes that begins at position `_base`.
    """

    def __init__(
        self, *, explicit: bool, little_endian: bool, wanted: frozenset[int], limits: ReaderLimits
    ) -> None:
        self.tolerated: dict[str, int] = {}
        self._wanted = wanted
        self._limits = limits
        self._stack: list[_Container] = []
        self._stack_max = 2 * limits.depth_max  # a level is a sequence and an item
        self._end = _NOWHERE
        self._delimiter = NO_DELIMITER
        self._kind = DATA_SET
        self._encoding = encoding(explicit=explicit, little_endian=little_endian, wanted=wanted)
        self._opened_at = 0  # where the first element of the innermost data set stands
        self._base = 0

    @property
    def is_inside(self) -> bool:
        """Tell whether a sequence, an item or pixel data is open."""
        return self._kind != DATA_SET

    def finish(self, position: int) -> None:
        """Close what ends where the stream ended.

        Raises:
            CorruptPayload: the stream ended inside a container.
        """
        while self.is_inside and position == self._end:
            self._close_at_end()
        if self.is_inside:
            raise CorruptPayload(
                f"the data set ends inside {self._container_name}, after {position} bytes"
            )

    @property
    def _container_name(self) -> str:
        return _NAMES[self._kind]

    def _open(self, at: int, length: int, kind: int, inside: Encoding) -> int:
        """Open a container whose contents begin at `at`; an empty one is over at once."""
        if length == 0:
            return at
        end = self._end if length == UNDEFINED else at + self._base + length
        if end > self._end:
            what = f"{_NAMES[kind]} is longer than {self._container_name} around it"
            raise self._corrupt(what, at)
        if len(self._stack) >= self._stack_max:
            raise self._corrupt(f"sequences are nested more than {self._limits.depth_max} deep", at)
        self._stack.append((self._end, self._delimiter, self._kind, self._encoding))
        self._end, self._kind, self._encoding = end, kind, inside
        if kind == ITEM:
            self._opened_at = at + self._base
        if length != UNDEFINED:
            self._delimiter = NO_DELIMITER
        elif kind == ITEM:
            self._delimiter = inside.item_delimiter_key
        else:
            self._delimiter = inside.sequence_delimiter_key
        return at

    def _close(self) -> None:
        self._end, self._delimiter, self._kind, self._encoding = self._stack.pop()

    def _close_at_end(self) -> None:
        """Close a container at the last place where it could end."""
        if self._delimiter != NO_DELIMITER:
            # An undefined length inside of a defined one that is over: no doubt where it ends.
            self._tolerate("missing delimiter")
        self._close()

    def _sibling_encoding(self, *, explicit: bool) -> Encoding:
        """Give the encoding of the same byte order, with or without VRs."""
        little_endian = self._encoding.little_endian
        return encoding(explicit=explicit, little_endian=little_endian, wanted=self._wanted)

    def _tolerate(self, oddity: str, count: int = 1) -> None:
        self.tolerated[oddity] = self.tolerated.get(oddity, 0) + count

    def _corrupt(self, what: str, at: int) -> CorruptPayload:
        return CorruptPayload(f"{what} (byte {at + self._base} of the data set)")
