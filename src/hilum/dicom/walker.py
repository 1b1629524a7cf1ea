"""Walk the structure of a data set through windows of its bytes, iteratively and bounded.

Knows elements, sequences, items and fragments, and where each must end (PS3.5 §7). Keeps nothing
but the containers that are open and the wanted values; never looks into other values.
"""

from itertools import repeat
from typing import Final

from hilum.dicom.encoding import ALL_VRS, Encoding, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.oddities import bytes_to_see, choose, readings
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

# An open container: where it must end (where the one around it must, when its own length is
# undefined), the key that ends it, its kind and its encoding. A plain tuple: the loops make
# thousands of them.
_Container = tuple[int, int, int, Encoding]


class StructureWalker:
    """The containers that are open at one place of the stream, and the way on from there.

    Positions are counted from the start of the data set. The innermost container is in
    attributes, those around it are on a stack. In the two hot loops all of it is in local
    variables, and positions are relative to the window.
    """

    def __init__(
        self, *, explicit: bool, little_endian: bool, wanted: frozenset[int], limits: ReaderLimits
    ) -> None:
        self.values: dict[int, bytes] = {}
        self.tolerated: dict[str, int] = {}
        self.pixels_reached = False
        # After a walk that stopped short: how many bytes it must see from where it stopped.
        self.need_bytes = 0
        self._wanted = wanted
        self._limits = limits
        # One iterator for all loops: when it runs dry, there were too many elements.
        self._budget = repeat(None, limits.elements_max)
        self._stack: list[_Container] = []
        self._stack_max = 2 * limits.depth_max  # a level is a sequence and an item
        self._end = _NOWHERE
        self._delimiter = _NO_DELIMITER
        self._kind = _DATA_SET
        self._encoding = encoding(explicit=explicit, little_endian=little_endian, wanted=wanted)
        self._opened_at = 0  # where the first element of the innermost data set stands
        self._base = 0  # position of the window
        self._is_final = False  # nothing follows the window
        self._captured = 0
        self._odd = 0  # all lengths or-ed: the last bit says whether any was odd

    @property
    def is_inside(self) -> bool:
        """Tell whether a sequence, an item or pixel data is open."""
        return self._kind != _DATA_SET

    def start(self, head: bytes) -> None:
        """Look at the first 6 bytes: do they name a VR where the syntax says there is none?

        Seen: SC_rgb_jpeg_dcmd.dcm of the pydicom test files, explicit under an implicit label.
        The other way round is found like any implicit element.
        """
        if not self._encoding.explicit and head[4:6] in ALL_VRS:
            self._tolerate("explicit data set in an implicit syntax")
            self._encoding = self._sibling_encoding(explicit=True)

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
            self._close()
        if self._kind != _DATA_SET:
            raise CorruptPayload(
                f"the data set ends inside {_NAMES[self._kind]}, after {position} bytes"
            )
        if self._odd & 1:
            self._tolerate("odd length")
        if self._captured > len(self.values):
            self._tolerate("duplicate element", self._captured - len(self.values))

    # The two hot loops. They know what well-formed data sets are made of; anything else breaks
    # the loop with `at` on its header, and `_settle` finds out what it is.

    def _walk_explicit(self, window: bytes, at: int) -> int:  # noqa: C901, PLR0912, PLR0915 -- hot: a call costs as much as an element
        """Walk through explicit elements until the window ends or something rare comes."""
        now, stack, values, base = self._encoding, self._stack, self.values, self._base
        read, short_vrs, long_vrs = now.read_element, now.short_vrs, now.long_vrs
        end, delimiter, kind, last = self._end - base, self._delimiter, self._kind, len(window) - 8
        stop = last if last < end else end - 1
        plain_vrs = _NO_VRS if kind == _SEQUENCE else short_vrs
        wanted = _NOTHING_WANTED if stack else now.wanted
        odd = captured = 0
        for _ in self._budget:
            if at <= stop:
                key, vr, length = read(window, at)
                if vr in plain_vrs:
                    if key in wanted:
                        if at + length > last:
                            break
                        values[wanted[key]] = window[at + 8 : at + 8 + length]
                        captured += 1
                    at += 8 + length
                    continue
                odd |= at
                if key != delimiter:
                    if kind == _SEQUENCE:
                        if key != now.item_key:
                            break
                        inside = at + 8
                        length = now.read_item(window, at)[1]
                    elif vr in long_vrs and not length and at + 4 <= last:
                        inside = at + 12
                        length = now.read_length(window, at + 8)[0]
                        if vr != now.sequence_vr:
                            if length == _UNDEFINED or (not stack and key in now.noted_keys):
                                break
                            at = inside + length
                            continue
                    else:
                        break
                    inner_end = end if length == _UNDEFINED else inside + length
                    if inner_end > end or len(stack) >= self._stack_max:
                        break
                    at = inside
                    if length == 0:
                        continue
                    stack.append((end + base, delimiter, kind, now))
                    wanted = _NOTHING_WANTED
                    if kind == _SEQUENCE:
                        kind, plain_vrs, delimiter = _ITEM, short_vrs, now.item_delimiter_key
                        self._opened_at = at + base
                    else:
                        kind, plain_vrs, delimiter = _SEQUENCE, _NO_VRS, now.sequence_delimiter_key
                    if length != _UNDEFINED:
                        end, delimiter = inner_end, _NO_DELIMITER
                        stop = last if last < end else end - 1
                    continue
                at += 8
            elif at != end or delimiter != _NO_DELIMITER:
                break
            # The container has come to its end.
            end, delimiter, kind, self._encoding = stack.pop()
            end -= base
            if self._encoding is not now:
                break
            stop = last if last < end else end - 1
            plain_vrs = _NO_VRS if kind == _SEQUENCE else short_vrs
            wanted = _NOTHING_WANTED if stack else now.wanted
        else:
            raise self._too_many_elements(at)
        self._end, self._delimiter, self._kind = end + base, delimiter, kind
        self._odd, self._captured = self._odd | odd | base, self._captured + captured
        return at if self._encoding is not now else self._settle(window, at)

    def _walk_implicit(self, window: bytes, at: int) -> int:  # noqa: C901, PLR0912, PLR0915 -- hot, like the one above
        """Walk through implicit elements until the window ends or something rare comes."""
        now, stack, values, base = self._encoding, self._stack, self.values, self._base
        read, structural_keys = now.read_element, now.structural_keys
        end, delimiter, kind, last = self._end - base, self._delimiter, self._kind, len(window) - 8
        stop = last if last < end else end - 1
        # No length is below zero: between the items of a sequence nothing is plain.
        plain_below = 0 if kind == _SEQUENCE else _UNDEFINED
        wanted = _NOTHING_WANTED if stack else now.wanted
        odd = captured = 0
        for _ in self._budget:
            if at <= stop:
                key, length = read(window, at)
                if length < plain_below and key not in structural_keys:
                    if key in wanted:
                        if at + length > last:
                            break
                        values[wanted[key]] = window[at + 8 : at + 8 + length]
                        captured += 1
                    at += 8 + length
                    continue
                odd |= at
                if key != delimiter:
                    if kind == _SEQUENCE:
                        # Explicit items in an implicit sequence are rare, but must be found.
                        if key != now.item_key or (length and at + 6 > last):
                            break
                        if length and window[at + 12 : at + 14] in ALL_VRS:
                            break
                    elif key not in now.sequence_keys:
                        break
                    inner_end = end if length == _UNDEFINED else at + 8 + length
                    if inner_end > end or len(stack) >= self._stack_max:
                        break
                    at += 8
                    if length == 0:
                        continue
                    stack.append((end + base, delimiter, kind, now))
                    wanted = _NOTHING_WANTED
                    if kind == _SEQUENCE:
                        kind, plain_below, delimiter = _ITEM, _UNDEFINED, now.item_delimiter_key
                        self._opened_at = at + base
                    else:
                        kind, plain_below, delimiter = _SEQUENCE, 0, now.sequence_delimiter_key
                    if length != _UNDEFINED:
                        end, delimiter = inner_end, _NO_DELIMITER
                        stop = last if last < end else end - 1
                    continue
                at += 8
            elif at != end or delimiter != _NO_DELIMITER:
                break
            # The container has come to its end.
            end, delimiter, kind, self._encoding = stack.pop()
            end -= base
            if self._encoding is not now:
                break
            stop = last if last < end else end - 1
            plain_below = 0 if kind == _SEQUENCE else _UNDEFINED
            wanted = _NOTHING_WANTED if stack else now.wanted
        else:
            raise self._too_many_elements(at)
        self._end, self._delimiter, self._kind = end + base, delimiter, kind
        self._odd, self._captured = self._odd | odd | base, self._captured + captured
        return at if self._encoding is not now else self._settle(window, at)

    def _walk_fragments(self, window: bytes, at: int) -> int:
        """Step over the fragments of encapsulated pixel data (PS3.5 §A.4)."""
        read_item, item_key = self._encoding.read_item, self._encoding.item_key
        last, end = len(window) - 8, self._end - self._base
        for _ in self._budget:
            if at > last or at >= end:
                break
            key, length = read_item(window, at)
            if key == self._delimiter:
                self._close()
                return at + 8
            if key != item_key or length == _UNDEFINED:
                raise self._corrupt("there is no fragment where one should be", at)
            self._odd |= length
            at += 8 + length
        else:
            raise self._too_many_elements(at)
        return self._settle(window, at)

    # What the hot loops leave over. From here on, clarity goes before speed.

    def _settle(self, window: bytes, at: int) -> int:
        """Deal with whatever stands at `at`, where a hot loop broke off."""
        position = at + self._base
        if position > self._end:
            raise self._corrupt(f"an element is longer than {_NAMES[self._kind]} around it", at)
        if position == self._end:
            if self._delimiter != _NO_DELIMITER:
                # An undefined length inside of a defined one that ends first: where is clear.
                self._tolerate("missing delimiter")
            self._close()
            return at
        if not self._can_see(window, at, 8):
            return at
        now = self._encoding
        key, length = now.read_item(window, at)
        if key in now.delimiting_keys:
            return self._meet_delimiting(window, at, key, length)
        if self._kind == _SEQUENCE:
            raise self._corrupt("something else stands where an item should be", at)
        if now.explicit:
            return self._meet_explicit(window, at)
        if key in now.sequence_keys or (length == _UNDEFINED and key != now.pixel_data_key):
            return self._open(at + 8, length, _SEQUENCE, now)
        return self._meet_element(window, at, 8, length)

    def _meet_delimiting(self, window: bytes, at: int, key: int, length: int) -> int:
        """Deal with an item or a delimiter (PS3.5 §7.5) that was not simply the next thing."""
        now = self._encoding
        if key != now.item_key:
            # Seen: delimiters behind containers whose length is defined.
            self._tolerate("stray delimiter")
            return at + 8
        if self._kind == _SEQUENCE:
            is_long = length == _UNDEFINED or length >= 8
            if is_long and not now.explicit:
                if not self._can_see(window, at, 14):
                    return at
                if window[at + 12 : at + 14] in ALL_VRS:
                    self._tolerate("explicit item in an implicit sequence")
                    now = self._sibling_encoding(explicit=True)
            return self._open(at + 8, length, _ITEM, now)
        # Seen: item tags that belong to no sequence, at the level of the data set.
        self._tolerate("stray item")
        if length == _UNDEFINED:
            return self._open(at + 8, length, _ITEM, now)
        return at + 8 + length

    def _meet_explicit(self, window: bytes, at: int) -> int:
        """Read an explicit header that is rare: special, cut by the window, or malformed."""
        now = self._encoding
        key, vr, length = now.read_element(window, at)
        if vr in now.short_vrs:
            return self._meet_element(window, at, 8, length)
        if vr not in now.long_vrs or length:
            return self._meet_odd(window, at)
        if not self._can_see(window, at, 12):
            return at
        length = now.read_length(window, at + 8)[0]
        if vr == now.sequence_vr:
            return self._open(at + 12, length, _SEQUENCE, now)
        if vr == now.unknown_vr and length == _UNDEFINED and key != now.pixel_data_key:
            # PS3.5 §6.2.2 (CP-246): implicit little endian inside, whatever is outside.
            implicit = encoding(explicit=False, little_endian=True, wanted=self._wanted)
            return self._open(at + 12, length, _SEQUENCE, implicit)
        return self._meet_element(window, at, 12, length)

    def _meet_odd(self, window: bytes, at: int) -> int:
        """Read an explicit header that breaks the rules."""
        if not self._is_final and not self._can_see(window, at, 12):
            return at
        now = self._encoding
        candidates = readings(window, at, now)
        if not self._is_final and not self._can_see(window, at, bytes_to_see(candidates)):
            return at
        reading = choose(candidates, window, at, self._end - self._base - at, now)
        if not reading.is_implicit:
            self._tolerate(reading.name)
            return self._meet_element(window, at, reading.header_bytes, reading.length)
        implicit = self._sibling_encoding(explicit=False)
        if at + self._base == self._opened_at:
            # Seen: SC_rgb_jpeg.dcm of the pydicom test files, implicit under an explicit label;
            # others have single items like that. The first element tells for all.
            self._tolerate("implicit data set in an explicit syntax")
            self._encoding = implicit
            return at
        self._tolerate(reading.name)
        if reading.length == _UNDEFINED:
            return self._open(at + 8, reading.length, _SEQUENCE, implicit)
        return self._meet_element(window, at, 8, reading.length)

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        """Step over an element; take its value when it is wanted."""
        now = self._encoding
        key = now.read_item(window, at)[0]
        if self._kind == _DATA_SET and key in now.pixel_keys:
            self.pixels_reached = True
        start = at + header_bytes
        if length == _UNDEFINED:
            return self._open(start, length, _FRAGMENTS, now)
        end = start + length
        if end + self._base > self._end:
            raise self._corrupt(f"an element is longer than {_NAMES[self._kind]} around it", at)
        if self._kind == _DATA_SET and key in now.wanted:
            if length > self._limits.value_bytes_max:
                self._tolerate("overlong value")
            elif not self._can_see(window, at, header_bytes + length):
                return at
            else:
                self.values[now.wanted[key]] = window[start:end]
                self._captured += 1
        self._odd |= length
        return end

    def _open(self, at: int, length: int, kind: int, inside: Encoding) -> int:
        """Open a container whose contents begin at `at`; an empty one is over at once."""
        if length == 0:
            return at
        end = self._end if length == _UNDEFINED else at + self._base + length
        if end > self._end:
            raise self._corrupt(f"{_NAMES[kind]} is longer than {_NAMES[self._kind]} around it", at)
        if len(self._stack) >= self._stack_max:
            raise self._corrupt(f"sequences are nested more than {self._limits.depth_max} deep", at)
        self._stack.append((self._end, self._delimiter, self._kind, self._encoding))
        self._end, self._kind, self._encoding = end, kind, inside
        if kind == _ITEM:
            self._opened_at = at + self._base
        if length != _UNDEFINED:
            self._delimiter = _NO_DELIMITER
        elif kind == _ITEM:
            self._delimiter = inside.item_delimiter_key
        else:
            self._delimiter = inside.sequence_delimiter_key
        return at

    def _close(self) -> None:
        self._end, self._delimiter, self._kind, self._encoding = self._stack.pop()

    def _sibling_encoding(self, *, explicit: bool) -> Encoding:
        """Give the encoding of the same byte order, with or without VRs."""
        little_endian = self._encoding.little_endian
        return encoding(explicit=explicit, little_endian=little_endian, wanted=self._wanted)

    def _can_see(self, window: bytes, at: int, count: int) -> bool:
        """Tell whether the window has `count` bytes from `at` on; ask for them if not."""
        if at + count <= len(window):
            return True
        # Behind the window, there is nothing to wait for here: the next walk begins there.
        self.need_bytes = count if at < len(window) else 0
        return False

    def _tolerate(self, oddity: str, count: int = 1) -> None:
        self.tolerated[oddity] = self.tolerated.get(oddity, 0) + count

    def _too_many_elements(self, at: int) -> CorruptPayload:
        return self._corrupt(f"there are more than {self._limits.elements_max} elements", at)

    def _corrupt(self, what: str, at: int) -> CorruptPayload:
        return CorruptPayload(f"{what} (byte {at + self._base} of the data set)")
