"""Walk the structure of a data set through windows of its bytes, iteratively and bounded.

Knows elements, sequences, items and fragments, and where each must end (PS3.5 §7). Keeps nothing
but the containers that are open and the wanted values; never looks into other values.
"""

from collections.abc import Iterable
from itertools import repeat
from operator import length_hint
from typing import Final

from hilum.dicom.encoding import ALL_VRS, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.nesting import (
    DATA_SET,
    FRAGMENTS,
    ITEM,
    NO_DELIMITER,
    SEQUENCE,
    UNDEFINED,
    Nesting,
)
from hilum.dicom.oddities import Reading, bytes_to_see, choose, readings

_NOTHING_WANTED: Final[dict[int, int]] = {}
_NO_VRS: Final[frozenset[int]] = frozenset()


class StructureWalker(Nesting):
    """The way through a data set, from one window of its bytes to the next.

    In the two hot loops everything is in local variables, and ends of containers are relative to
    the window like `at`.
    """

    def __init__(
        self, *, explicit: bool, little_endian: bool, wanted: frozenset[int], limits: ReaderLimits
    ) -> None:
        super().__init__(
            explicit=explicit, little_endian=little_endian, wanted=wanted, limits=limits
        )
        self.values: dict[int, bytes] = {}
        self.pixels_reached = False
        # After a walk that stopped short: how many bytes it must see from where it stopped.
        self.need_bytes = 0
        # One iterator for all loops: when it runs dry, there were too many elements.
        self._budget = repeat(None, limits.elements_max)
        self._is_final = False  # nothing follows the window
        self._captured = 0
        self._malformed = 0
        # Positions of structural headers, or-ed: behind an odd length, they are odd. Two odd
        # lengths side by side escape; asking each length would cost the hot loops a tenth.
        self._odd = 0
        self.beginning = self._encoding  # as the first element is encoded

    def start(self, head: bytes) -> None:
        """Look at the first 6 bytes: do they name a VR where the syntax says there is none?

        pydicom and DCMTK read such data sets, so their senders are around. The other way round is
        found like any implicit element.
        """
        if not self._encoding.explicit and head[4:6] in ALL_VRS:
            self._tolerate("explicit data set in an implicit syntax")
            self.beginning = self._encoding = self._sibling_encoding(explicit=True)

    def resume(
        self, values: Iterable[tuple[int, bytes]], *, odd: int, captured: int, pixels_reached: bool
    ) -> None:
        """Go on behind elements that were walked another way, as after walking them."""
        self.values.update(values)
        self._odd |= odd
        self._captured += captured
        self.pixels_reached |= pixels_reached

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
            if self._kind == FRAGMENTS:
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
        super().finish(position)
        if (self._odd | position) & 1:
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
        plain_vrs = _NO_VRS if kind == SEQUENCE else short_vrs
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
                odd |= at + base
                if key != delimiter:
                    if kind == SEQUENCE:
                        if key != now.item_key:
                            break
                        inside, length = at + 8, now.read_item(window, at)[1]
                    elif vr in long_vrs and not length and at + 4 <= last:
                        if key in now.delimiting_keys:
                            break
                        inside, length = at + 12, now.read_length(window, at + 8)[0]
                        if vr != now.sequence_vr:
                            if length == UNDEFINED or (not stack and key in now.noted_keys):
                                break
                            at = inside + length
                            continue
                    else:
                        break
                    inner_end = end if length == UNDEFINED else inside + length
                    if inner_end > end or len(stack) >= self._stack_max:
                        break
                    at = inside
                    if length == 0:
                        continue
                    stack.append((end + base, delimiter, kind, now))
                    wanted = _NOTHING_WANTED
                    if kind == SEQUENCE:
                        kind, plain_vrs, delimiter = ITEM, short_vrs, now.item_delimiter_key
                        self._opened_at = at + base
                    else:
                        kind, plain_vrs, delimiter = SEQUENCE, _NO_VRS, now.sequence_delimiter_key
                    if length != UNDEFINED:
                        end, delimiter = inner_end, NO_DELIMITER
                        stop = last if last < end else end - 1
                    continue
                at += 8
            elif at != end or delimiter != NO_DELIMITER:
                break
            # The container has come to its end.
            end, delimiter, kind, self._encoding = stack.pop()
            end -= base
            if self._encoding is not now:
                break
            stop = last if last < end else end - 1
            plain_vrs = _NO_VRS if kind == SEQUENCE else short_vrs
            wanted = _NOTHING_WANTED if stack else now.wanted
        self._end, self._delimiter, self._kind = end + base, delimiter, kind
        self._odd, self._captured = self._odd | odd, self._captured + captured
        return at if self._encoding is not now else self._settle(window, at)

    def _walk_implicit(self, window: bytes, at: int) -> int:  # noqa: C901, PLR0912, PLR0915 -- hot, like the one above
        """Walk through implicit elements until the window ends or something rare comes."""
        now, stack, values, base = self._encoding, self._stack, self.values, self._base
        read, structural_keys = now.read_element, now.structural_keys
        end, delimiter, kind, last = self._end - base, self._delimiter, self._kind, len(window) - 8
        stop = last if last < end else end - 1
        # No length is below zero: between the items of a sequence nothing is plain.
        plain_below = 0 if kind == SEQUENCE else UNDEFINED
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
                odd |= at + base
                if key != delimiter:
                    if kind == SEQUENCE:
                        # Explicit items in an implicit sequence are rare, but must be found.
                        if key != now.item_key or (length and at + 6 > last):
                            break
                        if length and window[at + 12 : at + 14] in ALL_VRS:
                            break
                    elif key not in now.sequence_keys:
                        break
                    inner_end = end if length == UNDEFINED else at + 8 + length
                    if inner_end > end or len(stack) >= self._stack_max:
                        break
                    at += 8
                    if length == 0:
                        continue
                    stack.append((end + base, delimiter, kind, now))
                    wanted = _NOTHING_WANTED
                    if kind == SEQUENCE:
                        kind, plain_below, delimiter = ITEM, UNDEFINED, now.item_delimiter_key
                        self._opened_at = at + base
                    else:
                        kind, plain_below, delimiter = SEQUENCE, 0, now.sequence_delimiter_key
                    if length != UNDEFINED:
                        end, delimiter = inner_end, NO_DELIMITER
                        stop = last if last < end else end - 1
                    continue
                at += 8
            elif at != end or delimiter != NO_DELIMITER:
                break
            # The container has come to its end.
            end, delimiter, kind, self._encoding = stack.pop()
            end -= base
            if self._encoding is not now:
                break
            stop = last if last < end else end - 1
            plain_below = 0 if kind == SEQUENCE else UNDEFINED
            wanted = _NOTHING_WANTED if stack else now.wanted
        self._end, self._delimiter, self._kind = end + base, delimiter, kind
        self._odd, self._captured = self._odd | odd, self._captured + captured
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
            if key != item_key or length == UNDEFINED:
                raise self._corrupt("there is no fragment where one should be", at)
            self._odd |= length
            at += 8 + length
        return self._settle(window, at)

    # What the hot loops leave over. From here on, clarity goes before speed.

    def _settle(self, window: bytes, at: int) -> int:
        """Deal with whatever stands at `at`, where a hot loop broke off."""
        position = at + self._base
        if not length_hint(self._budget):
            raise self._corrupt(f"there are more than {self._limits.elements_max} elements", at)
        if position > self._end:
            raise self._corrupt(f"an element is longer than {self._container_name} around it", at)
        if position == self._end:
            self._close_at_end()
            return at
        if not self._can_see(window, at, 8):
            return at
        now = self._encoding
        key, length = now.read_item(window, at)
        if key in now.delimiting_keys:
            return self._meet_delimiting(window, at, key, length)
        if self._kind == SEQUENCE:
            raise self._corrupt("something else stands where an item should be", at)
        if now.explicit:
            return self._meet_explicit(window, at)
        if key in now.sequence_keys or (length == UNDEFINED and key != now.pixel_data_key):
            return self._open(at + 8, length, SEQUENCE, now)
        return self._meet_element(window, at, 8, length)

    def _meet_delimiting(self, window: bytes, at: int, key: int, length: int) -> int:
        """Deal with an item or a delimiter (PS3.5 §7.5) that was not simply the next thing."""
        now = self._encoding
        if key != now.item_key:
            # Writers that give a length and a delimiter as well. pydicom reads an empty element.
            self._tolerate("stray delimiter")
            return at + 8
        if self._kind == SEQUENCE:
            is_long = length == UNDEFINED or length >= 8
            if is_long and not now.explicit:
                if not self._can_see(window, at, 14):
                    return at
                if window[at + 12 : at + 14] in ALL_VRS:
                    self._tolerate("explicit item in an implicit sequence")
                    now = self._sibling_encoding(explicit=True)
            return self._open(at + 8, length, ITEM, now)
        # Seen: item tags at the level of the data set; pydicom fails only when it iterates.
        self._tolerate("stray item")
        if length == UNDEFINED:
            return self._open(at + 8, length, ITEM, now)
        return at + 8 + length

    def _meet_explicit(self, window: bytes, at: int) -> int:
        """Read an explicit header that is rare: special, cut by the window, or malformed."""
        now = self._encoding
        _, vr, length = now.read_element(window, at)
        if vr in now.short_vrs:
            return self._meet_element(window, at, 8, length)
        if vr in now.long_vrs and not length:
            if not self._can_see(window, at, 12):
                return at
            return self._meet_long(window, at, 12, now.read_length(window, at + 8)[0])
        reading = self._read_malformed(window, at)
        if reading is None:
            return at
        if reading.is_implicit:
            return self._meet_implicit(window, at, reading)
        self._tolerate(reading.name)
        return self._meet_long(window, at, reading.header_bytes, reading.length)

    def _meet_long(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        """Deal with an element whose length may be undefined."""
        now = self._encoding
        key, vr, _ = now.read_element(window, at)
        if vr == now.sequence_vr:
            return self._open(at + header_bytes, length, SEQUENCE, now)
        if vr == now.unknown_vr and length == UNDEFINED and key != now.pixel_data_key:
            # PS3.5 §6.2.2 (CP-246): implicit little endian inside, whatever is outside.
            implicit = encoding(explicit=False, little_endian=True, wanted=self._wanted)
            return self._open(at + header_bytes, length, SEQUENCE, implicit)
        return self._meet_element(window, at, header_bytes, length)

    def _read_malformed(self, window: bytes, at: int) -> Reading | None:
        """Find a way to read a header that breaks the rules; None: more must be seen for that."""
        if not self._is_final and not self._can_see(window, at, 12):
            return None
        candidates = readings(window, at, self._encoding)
        if not self._is_final and not self._can_see(window, at, bytes_to_see(candidates)):
            return None
        self._malformed += 1
        if self._malformed > self._limits.malformed_max:
            what = f"more than {self._limits.malformed_max} element headers are malformed"
            raise self._corrupt(what, at)
        return choose(candidates, window, at, self._end - self._base - at, self._encoding)

    def _meet_implicit(self, window: bytes, at: int, reading: Reading) -> int:
        """Deal with an implicit element where explicit ones should be."""
        implicit = self._sibling_encoding(explicit=False)
        if at + self._base == self._opened_at:
            # Seen: SC_rgb_jpeg.dcm of the pydicom test files, implicit under an explicit label;
            # pydicom #1067 has single items like that. The first element tells for all.
            self._tolerate("implicit data set in an explicit syntax")
            self._encoding = implicit
            return at
        self._tolerate(reading.name)
        if reading.length == UNDEFINED:
            return self._open(at + 8, reading.length, SEQUENCE, implicit)
        return self._meet_element(window, at, 8, reading.length)

    def _meet_element(self, window: bytes, at: int, header_bytes: int, length: int) -> int:
        """Step over an element; take its value when it is wanted."""
        now = self._encoding
        key = now.read_item(window, at)[0]
        if self._kind == DATA_SET and key in now.pixel_keys:
            self.pixels_reached = True
        start = at + header_bytes
        if length == UNDEFINED:
            return self._open(start, length, FRAGMENTS, now)
        if self._kind == DATA_SET and key in now.wanted:
            if length > self._limits.value_bytes_max:
                self._tolerate("overlong value")
            elif not self._can_see(window, at, header_bytes + length):
                return at
            else:
                self.values[now.wanted[key]] = window[start : start + length]
                self._captured += 1
        return start + length

    def _can_see(self, window: bytes, at: int, count: int) -> bool:
        """Tell whether the window has `count` bytes from `at` on; ask for them if not."""
        if at + count <= len(window):
            return True
        self.need_bytes = count
        return False
