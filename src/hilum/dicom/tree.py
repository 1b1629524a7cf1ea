"""From bytes to a tree of elements, by recursion and bounded; tolerates what `walker.py` does.

Whatever a data set claims, no more is made of it than it has bytes for.
"""

from typing import Final

from hilum.dicom import tags
from hilum.dicom.ambiguity import resolve
from hilum.dicom.bulk import Bulk
from hilum.dicom.charsets import DEFAULT_CHARSET
from hilum.dicom.dataset import DataSet, Element
from hilum.dicom.encoding import ALL_VRS, ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.nesting import UNDEFINED
from hilum.dicom.oddities import Reading, choose, readings
from hilum.dicom.places import NO_DELIMITER, Place
from hilum.dicom.runs import HEADER_BYTES, explicit_run, implicit_run, layout_of
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.vrs import ALL, vr_of
from hilum.kernel.errors import CorruptPayload

_UNBOUNDED: Final = 1 << 62  # what is left of a data set whose end nobody told
_DELIMITERS: Final = frozenset((ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER))
_LONG_HEADER_BYTES: Final = 12
_PIXEL_REPRESENTATION: Final = 0x00280103
_LUT_DESCRIPTOR: Final = 0x00283002


class CutShort(CorruptPayload):
    """The data set goes on behind the bytes at hand: come again with more of them."""


class EnoughRead(Exception):
    """Ends the way of a parser that needs no more."""


class TreeParser:
    """One way through a data set, by recursion: a level is a sequence and an item."""

    def __init__(
        self, syntax: TransferSyntax, limits: ReaderLimits, bulk_bytes_min: int, *, is_whole: bool
    ) -> None:
        self.tolerated: dict[str, int] = {}
        self.last_tag = 0xFFFFFFFF  # what stands behind it in the data set is of no use
        self._syntax = syntax
        self._limits = limits
        self._bulk_bytes_min = bulk_bytes_min
        self._is_whole = is_whole
        self._budget = limits.elements_max
        self._malformed = 0
        self._odd = 0  # positions of headers, or-ed: behind an odd length, they are odd
        self._depth = 0
        self._data = b""

    def tolerate(self, oddity: str, count: int = 1) -> None:
        """Count an odd encoding."""
        self.tolerated[oddity] = self.tolerated.get(oddity, 0) + count

    def parse(self, data: bytes) -> DataSet:
        """Read everything from the first byte on."""
        if not data:
            raise CorruptPayload("the data set is empty")
        self._data = data
        explicit = self._syntax.explicit
        if not explicit and data[4:6] in ALL_VRS:
            self.tolerate("explicit data set in an implicit syntax")
            explicit = True
        root = DataSet(DEFAULT_CHARSET, little_endian=self._syntax.little_endian)
        place = Place(0, len(data), NO_DELIMITER, is_bounded=False, explicit=explicit)
        try:
            self._odd |= self._elements(root, 0, place)
            if not self._is_whole:
                raise CutShort(f"there are no pixels within {len(data)} bytes of the data set")
        except EnoughRead:
            self._sum_up(root, place)
        if self._odd & 1:
            self.tolerate("odd length")
        root.tolerated = self.tolerated
        return root

    # Elements.

    def _elements(self, node: DataSet, at: int, place: Place) -> int:
        """Read elements up to the delimiter or the end of their place; say what is behind."""
        elements = node.elements
        layout = layout_of(little_endian=node.little_endian)
        while True:
            before = len(elements)
            if place.explicit:
                at, count = explicit_run(self._data, elements, at, place.end, layout)
            else:
                at, count = implicit_run(
                    self._data, elements, at, place.end, layout, self._bulk_bytes_min - 1
                )
            if count > len(elements) - before:
                self.tolerate("duplicate element", count - len(elements) + before)
            self._spend(count + 1)
            self._odd |= at
            if place.end - at < HEADER_BYTES:
                at = self._meet_end(at, place)
                break
            group, element, length = layout.read_implicit(self._data, at)
            tag = group << 16 | element
            if tag == place.delimiter:
                at += HEADER_BYTES
                break
            if tag in _DELIMITERS:
                at = self._meet_stray(node, at, tag, length, place)
            elif tag > self.last_tag and not self._depth:
                raise EnoughRead
            elif place.explicit:
                at = self._meet_explicit(node, at, place)
            else:
                at = self._meet_implicit(node, at, tag, length, place)
        self._sum_up(node, place)
        return at

    def _sum_up(self, node: DataSet, place: Place) -> None:
        """Close a data set: choose the VRs that depend on what is in it."""
        if not place.has_choices:
            return
        elements, signed = node.elements, _signed(node)
        lut = node.raw(_LUT_DESCRIPTOR)[:2]
        lut_entries = int.from_bytes(lut, "little" if node.little_endian else "big")
        for tag, (vr, value) in elements.items():
            if " " in vr:
                chosen = resolve(tag, vr, signed=signed, lut_entries=lut_entries)
                elements[tag] = (chosen, value)

    def _put(self, node: DataSet, tag: int, element: Element) -> None:
        if tag in node.elements:
            self.tolerate("duplicate element")
        node.elements[tag] = element

    # What the hot loops leave over. From here on, clarity goes before speed.

    def _meet_explicit(self, node: DataSet, at: int, place: Place) -> int:
        """Read an element with a long VR or a malformed header, or one that is too long."""
        layout = layout_of(little_endian=node.little_endian)
        group, element, code, reserved = layout.read_explicit(self._data, at)
        if code in layout.short_vrs:
            raise self._overrun(at, place)
        tag = group << 16 | element
        vr = layout.long_vrs.get(code)
        if vr is None or reserved:
            return self._meet_malformed(node, at, tag, place)
        if place.end - at < _LONG_HEADER_BYTES:
            raise self._overrun(at, place)
        (length,) = layout.read_length(self._data, at + 8)
        return self._meet_long(node, at + _LONG_HEADER_BYTES, (tag, vr, length), place)

    def _meet_long(self, node: DataSet, at: int, header: tuple[int, str, int], place: Place) -> int:
        """Take a value that begins at `at`: a sequence, one that only says so, or anything else."""
        tag, vr, length = header
        if vr == "SQ":
            return self._sequence(node, at, tag, length, place)
        if vr == "UN" and tag != tags.PIXEL_DATA:
            if length == UNDEFINED:
                # PS3.5 §6.2.2 (CP-246): implicit little endian inside, whatever is outside.
                return self._sequence(node, at, tag, length, place, is_unknown=True)
            # Written as unknown by who did not know it, or because it was long (CP-1066).
            vr = vr_of(tag)
            if vr == "SQ":
                return self._unknown_sequence(node, at, tag, length, place)
        return self._value(node, at, (tag, vr, length), place)

    def _unknown_sequence(self, node: DataSet, at: int, tag: int, length: int, place: Place) -> int:
        """Read a public sequence that says UN; if it is none, it stays unknown."""
        depth, tolerated = self._depth, dict(self.tolerated)
        try:
            return self._sequence(node, at, tag, length, place, is_unknown=True)
        except CutShort:
            raise
        except CorruptPayload:
            self._depth, self.tolerated = depth, tolerated
            return self._value(node, at, (tag, "UN", length), place)

    def _meet_malformed(self, node: DataSet, at: int, tag: int, place: Place) -> int:
        """Read a header that breaks the rules in the way that fits best."""
        if not self._is_whole and place.end - at < _LONG_HEADER_BYTES:
            raise self._overrun(at, place)
        reading = self._choose(node, at, place)
        if reading.is_implicit:
            if at == place.start:
                # Seen: SC_rgb_jpeg.dcm of the pydicom test files, implicit under an explicit label.
                self.tolerate("implicit data set in an explicit syntax")
                place.explicit = False
                return at
            self.tolerate(reading.name)
            inner = Place(at, place.end, NO_DELIMITER, is_bounded=place.is_bounded, explicit=False)
            if reading.length == UNDEFINED:
                return self._sequence(node, at + 8, tag, UNDEFINED, inner)
            return self._meet_long(node, at + 8, (tag, "UN", reading.length), place)
        self.tolerate(reading.name)
        vr = self._data[at + 4 : at + 6].decode("latin_1")
        at += reading.header_bytes
        if vr not in ALL and reading.length == UNDEFINED:
            return self._value(node, at, (tag, "OB", UNDEFINED), place)
        header = (tag, vr if vr in ALL else "UN", reading.length)
        return self._meet_long(node, at, header, place)

    def _choose(self, node: DataSet, at: int, place: Place) -> Reading:
        """Find the likeliest way to read a malformed header."""
        self._malformed += 1
        if self._malformed > self._limits.malformed_max:
            what = f"more than {self._limits.malformed_max} element headers are malformed"
            raise _corrupt(what, at)
        layout = encoding(explicit=True, little_endian=node.little_endian, wanted=frozenset())
        room = place.end - at if place.is_bounded else _UNBOUNDED
        return choose(readings(self._data, at, layout), self._data, at, room, layout)

    def _meet_implicit(self, node: DataSet, at: int, tag: int, length: int, place: Place) -> int:
        """Read an implicit element that is a sequence, long, or not simply in the dictionary."""
        vr = vr_of(tag)
        if vr == "SQ" or (length == UNDEFINED and tag != tags.PIXEL_DATA):
            return self._sequence(node, at + HEADER_BYTES, tag, length, place)
        return self._value(node, at + HEADER_BYTES, (tag, vr, length), place)

    def _value(self, node: DataSet, at: int, header: tuple[int, str, int], place: Place) -> int:
        """Keep a value that is no sequence, or say where it is."""
        tag, vr, length = header
        if " " in vr:
            place.has_choices = True
        is_pixels = not self._depth and tag in tags.PIXEL_TAGS
        if is_pixels and not self._is_whole:
            self._put(node, tag, (vr, Bulk(at, None if length == UNDEFINED else length)))
            raise EnoughRead
        if length == UNDEFINED:
            self._put(node, tag, ("OB", Bulk(at, None)))
            return self._fragments(node, at, place)
        behind = at + length
        if behind > place.end:
            raise self._overrun(at, place)
        if is_pixels or length >= self._bulk_bytes_min:
            self._put(node, tag, (vr, Bulk(at, length)))
        else:
            self._put(node, tag, (vr, self._data[at:behind]))
        return behind

    def _fragments(self, node: DataSet, at: int, place: Place) -> int:
        """Step over the fragments of encapsulated pixel data (PS3.5 §A.4)."""
        read = layout_of(little_endian=node.little_endian).read_implicit
        inner = Place(
            at, place.end, SEQUENCE_DELIMITER, is_bounded=place.is_bounded, explicit=False
        )
        while place.end - at >= HEADER_BYTES:
            self._spend(1)
            group, element, length = read(self._data, at)
            tag = group << 16 | element
            at += HEADER_BYTES
            if tag == SEQUENCE_DELIMITER:
                return at
            if tag != ITEM or length == UNDEFINED:
                raise _corrupt("there is no fragment where one should be", at)
            self._odd |= length
            at += length
            if at > place.end:
                raise self._overrun(at, place)
        return self._meet_end(at, inner)

    # Sequences and their ends (PS3.5 §7.5).

    def _sequence(
        self,
        node: DataSet,
        at: int,
        tag: int,
        length: int,
        outer: Place,
        *,
        is_unknown: bool = False,
    ) -> int:
        """Read the items of a sequence that begins at `at`; say what is behind it."""
        items: list[DataSet] = []
        if length == 0:
            self._put(node, tag, ("SQ", items))
            return at
        if self._depth >= self._limits.depth_max:
            raise _corrupt(f"sequences are nested more than {self._limits.depth_max} deep", at)
        explicit = outer.explicit and not is_unknown
        place = self._inside(at, length, SEQUENCE_DELIMITER, outer, explicit=explicit)
        template = DataSet(node.current_charset(), little_endian=node.little_endian or is_unknown)
        template.signed = _signed(node)
        self._depth += 1
        at = self._items(items, at, place, template)
        self._depth -= 1
        self._put(node, tag, ("SQ", items))
        return at

    def _items(self, items: list[DataSet], at: int, place: Place, template: DataSet) -> int:
        """Read the items of a sequence; each is like `template`, and empty."""
        read = layout_of(little_endian=template.little_endian).read_implicit
        while place.end - at >= HEADER_BYTES:
            self._odd |= at
            group, element, length = read(self._data, at)
            tag = group << 16 | element
            at += HEADER_BYTES
            if tag == ITEM:
                item = DataSet(template.charset, little_endian=template.little_endian)
                item.signed = template.signed
                items.append(item)
                self._spend(1)
                at = self._item(item, at, length, place)
            elif tag == place.delimiter:
                return at
            elif tag in _DELIMITERS:
                self.tolerate("stray delimiter")
            else:
                raise _corrupt("something else stands where an item should be", at - 8)
        return self._meet_end(at, place)

    def _item(self, item: DataSet, at: int, length: int, outer: Place) -> int:
        if length == 0:
            return at
        explicit = outer.explicit
        if not explicit and length >= HEADER_BYTES and self._data[at + 4 : at + 6] in ALL_VRS:
            self.tolerate("explicit item in an implicit sequence")
            explicit = True
        place = self._inside(at, length, ITEM_DELIMITER, outer, explicit=explicit)
        return self._elements(item, at, place)

    def _inside(
        self, at: int, length: int, delimiter: int, outer: Place, *, explicit: bool
    ) -> Place:
        """Give the place of a container that begins at `at`."""
        if length == UNDEFINED:
            bounded = outer.is_bounded
            return Place(at, outer.end, delimiter, is_bounded=bounded, explicit=explicit)
        end = at + length
        if end > outer.end:
            raise self._overrun(at, outer)
        return Place(at, end, NO_DELIMITER, is_bounded=True, explicit=explicit)

    def _meet_stray(self, node: DataSet, at: int, tag: int, length: int, place: Place) -> int:
        """Step over an item or a delimiter that should not be there, as the walker does."""
        at += HEADER_BYTES
        if tag != ITEM:
            self.tolerate("stray delimiter")
            return at
        self.tolerate("stray item")
        stray = DataSet(node.charset, little_endian=node.little_endian)
        if length != UNDEFINED:
            if at + length > place.end:
                raise self._overrun(at, place)
            return at + length
        self._depth += 1
        if self._depth > self._limits.depth_max:
            raise _corrupt(f"items are nested more than {self._limits.depth_max} deep", at)
        at = self._item(stray, at, length, place)
        self._depth -= 1
        return at

    def _meet_end(self, at: int, place: Place) -> int:
        """Be at the end of a place, or so near that no header fits in."""
        left = place.end - at
        is_delimited = place.delimiter != NO_DELIMITER
        if place.is_bounded or left < 0:
            if left:
                raise self._overrun(at, place)
            if is_delimited:
                # An undefined length inside of a defined one that is over.
                self.tolerate("missing delimiter")
            return at
        if not left and not is_delimited:
            return at
        if is_delimited or not self._is_whole or any(self._data[at:]) or at == 0:
            raise self._overrun(at, place)
        # A data set of odd length, padded to an even one as a whole.
        self.tolerate("zeros behind the data set")
        return at

    def _overrun(self, at: int, place: Place) -> CorruptPayload:
        """Say that something goes on behind the end of where it is."""
        if place.is_bounded:
            return _corrupt("an element is longer than the item or sequence around it", at)
        if self._is_whole:
            return _corrupt("the data set ends inside an element or a sequence", at)
        return CutShort(f"the data set goes on behind {len(self._data)} bytes")

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise CorruptPayload(f"there are more than {self._limits.elements_max} elements")


def _signed(node: DataSet) -> bool | None:
    """Tell what Pixel Representation says in the data set, or in one around it."""
    found = node.elements.get(_PIXEL_REPRESENTATION)
    if found is None or not isinstance(found[1], bytes):
        return node.signed
    return any(found[1])


def _corrupt(what: str, at: int) -> CorruptPayload:
    return CorruptPayload(f"{what} (byte {at} of the data set)")
