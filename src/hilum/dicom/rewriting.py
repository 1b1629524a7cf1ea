"""The elements of a data set from one encoding to another, header by header, as they come.

Never holds a value: it says how many bytes of one follow and how to turn them. Sequences and items
are written with undefined lengths, since theirs are not known before they are over. What is
tolerated in the reading is written as it should have been.
"""

from typing import Final, NamedTuple

from hilum.dicom import tags
from hilum.dicom.ambiguity import resolve
from hilum.dicom.encode import HeaderWriter
from hilum.dicom.encoding import ALL_VRS, ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, encoding
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.nesting import DATA_SET, UNDEFINED
from hilum.dicom.nesting import ITEM as IN_ITEM
from hilum.dicom.nesting import SEQUENCE as IN_SEQUENCE
from hilum.dicom.oddities import Reading, bytes_to_see, choose, readings
from hilum.dicom.places import NO_DELIMITER
from hilum.dicom.runs import HEADER_BYTES, layout_of
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.vrs import ALL, WORD_BYTES, padding_of, vr_of
from hilum.kernel.errors import CorruptPayload, HilumError

_NOWHERE: Final = 1 << 62  # where the data set ends, as far as anyone knows before it does
_LONG_HEADER_BYTES: Final = 12
_ITEM_AND_ELEMENT_BYTES: Final = 14  # an item, and a VR in its first element
_DELIMITERS: Final = frozenset((ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER))
_PIXEL_REPRESENTATION: Final = 0x00280103
_LUT_DESCRIPTOR: Final = 0x00283002
# Values that decide how others are written.
_DECIDING: Final = frozenset((_PIXEL_REPRESENTATION, _LUT_DESCRIPTOR, tags.BITS_ALLOCATED))


class NotReencodable(HilumError):
    """The data set cannot be put into another encoding without decoding or losing something."""


class Passing(NamedTuple):
    """A value whose bytes come next."""

    length: int
    word_bytes: int  # to be turned round; 1: as they are
    padding: bytes
    decides: int  # the tag, when the value must be shown to `decide`; else 0


class _Container:
    """A sequence, an item or the data set itself, while it is open."""

    __slots__ = (
        "bits_allocated", "delimiter", "end", "explicit", "kind", "little_endian", "lut_entries",
        "signed", "start",
    )  # fmt: skip

    def __init__(self, kind: int, start: int, end: int, delimiter: int) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.delimiter = delimiter
        self.explicit = True
        self.little_endian = True
        self.signed: bool | None = None
        self.lut_entries = 0
        self.bits_allocated = 0


class ElementRewriter:
    """Headers in, headers out. Positions count from the start of the data set."""

    def __init__(
        self,
        source: TransferSyntax,
        target: TransferSyntax,
        *,
        limits: ReaderLimits,
        signed: bool | None,
    ) -> None:
        self.tolerated: dict[str, int] = {}
        self.need_bytes = HEADER_BYTES  # before this much is at hand, nothing can be said
        self.passing: Passing | None = None  # the value behind the header that was read last
        self._limits = limits
        self._writer = HeaderWriter(explicit=target.explicit, little_endian=target.little_endian)
        self._target_little_endian = target.little_endian
        self._stack: list[_Container] = []
        self._now = _Container(DATA_SET, 0, _NOWHERE, NO_DELIMITER)
        self._now.explicit, self._now.little_endian = source.explicit, source.little_endian
        self._now.signed = signed
        self._budget = limits.elements_max
        self._malformed = 0
        self._out: list[bytes] = []
        self._position = 0

    def start(self, head: bytes) -> None:
        """Look at the first bytes: do they name a VR where the syntax says there is none?"""
        if not self._now.explicit and head[4:6] in ALL_VRS:
            self._tolerate("explicit data set in an implicit syntax")
            self._now.explicit = True

    def close_ended(self, position: int, out: list[bytes]) -> None:
        """Close what ends at a position by its length, or by that of what is around it."""
        while self._stack and position == self._now.end:
            if self._now.delimiter != NO_DELIMITER:
                self._tolerate("missing delimiter")
            self._close(out)
        if position > self._now.end:
            raise CorruptPayload(f"an element is longer than what is around it (byte {position})")

    def finish(self, position: int, out: list[bytes]) -> None:
        """Close what ends with the stream.

        Raises:
            CorruptPayload: something is open that does not end here.
        """
        self.close_ended(position, out)
        if self._stack:
            raise CorruptPayload(f"the data set ends inside a sequence, after {position} bytes")

    def decide(self, tag: int, value: bytes) -> None:
        """Keep what a value says about the VRs of others."""
        order: Final = "little" if self._now.little_endian else "big"
        if tag == _PIXEL_REPRESENTATION:
            self._now.signed = any(value) if value else None
        elif tag == tags.BITS_ALLOCATED:
            self._now.bits_allocated = int.from_bytes(value[:2], order)
        else:
            self._now.lut_entries = int.from_bytes(value[:2], order)

    def read(
        self, window: bytes, at: int, position: int, out: list[bytes], *, is_final: bool
    ) -> int:
        """Read the header at `at` of the window, write another; say how many bytes it had.

        0: more is needed than the window has, `need_bytes` from there on. A value that follows is
        in `passing`.

        Raises:
            CorruptPayload: the structure is broken or exceeds the limits.
            NotReencodable: there is something that has no other encoding.
        """
        self.passing = None
        self._position = position
        if not self._sees(window, at, HEADER_BYTES):
            return 0
        self._budget -= 1
        if self._budget < 0:
            raise self._corrupt(f"there are more than {self._limits.elements_max} elements")
        now = self._now
        layout = layout_of(little_endian=now.little_endian)
        group, element, length = layout.read_implicit(window, at)
        tag = group << 16 | element
        if tag in _DELIMITERS:
            return self._delimiting(window, at, tag, length, out)
        if now.kind == IN_SEQUENCE:
            raise self._corrupt("something else stands where an item should be")
        if not now.explicit:
            return self._element(HEADER_BYTES, (tag, "", length), out)
        return self._explicit(window, at, tag, out, is_final=is_final)

    def _delimiting(self, window: bytes, at: int, tag: int, length: int, out: list[bytes]) -> int:
        now = self._now
        if tag == now.delimiter:
            self._close(out)
        elif tag != ITEM:
            self._tolerate("stray delimiter")
        elif now.kind == IN_SEQUENCE:
            return self._item(window, at, length, out)
        elif length:
            raise NotReencodable("an item stands where there is no sequence")
        else:
            self._tolerate("stray item")
        return HEADER_BYTES

    def _item(self, window: bytes, at: int, length: int, out: list[bytes]) -> int:
        explicit = self._now.explicit
        if not explicit and length >= HEADER_BYTES:
            if not self._sees(window, at, _ITEM_AND_ELEMENT_BYTES):
                return 0
            if window[at + 12 : at + 14] in ALL_VRS:
                self._tolerate("explicit item in an implicit sequence")
                explicit = True
        if length == 0:
            out.append(self._writer.delimiting(ITEM, 0))
            return HEADER_BYTES
        out.append(self._writer.delimiting(ITEM, UNDEFINED))
        self._open(IN_ITEM, HEADER_BYTES, length, ITEM_DELIMITER)
        self._now.explicit = explicit
        return HEADER_BYTES

    def _explicit(
        self, window: bytes, at: int, tag: int, out: list[bytes], *, is_final: bool
    ) -> int:
        """Read an element that names its VR."""
        layout = layout_of(little_endian=self._now.little_endian)
        _, _, code, length = layout.read_explicit(window, at)
        vr = layout.short_vrs.get(code)
        if vr is not None:
            return self._element(HEADER_BYTES, (tag, vr, length), out)
        vr = layout.long_vrs.get(code)
        if vr is None or length:
            return self._odd(window, at, tag, out, is_final=is_final)
        if not self._sees(window, at, _LONG_HEADER_BYTES):
            return 0
        (length,) = layout.read_length(window, at + 8)
        return self._element(_LONG_HEADER_BYTES, (tag, vr, length), out)

    def _odd(self, window: bytes, at: int, tag: int, out: list[bytes], *, is_final: bool) -> int:
        """Read a header that breaks the rules in the way that fits best."""
        reading = self._choose(window, at, is_final=is_final)
        if reading is None:
            self._budget += 1
            return 0
        if reading.is_implicit and self._position == self._now.start:
            self._tolerate("implicit data set in an explicit syntax")
            self._now.explicit = False
            return self._element(HEADER_BYTES, (tag, "", reading.length), out)
        self._tolerate(reading.name)
        named = window[at + 4 : at + 6].decode("latin_1")
        vr = named if named in ALL and not reading.is_implicit else vr_of(tag)
        if vr == "SQ" and named != "SQ" and reading.length != UNDEFINED:
            vr = "UN"
        return self._element(reading.header_bytes, (tag, vr, reading.length), out)

    def _choose(self, window: bytes, at: int, *, is_final: bool) -> Reading | None:
        """Find a way to read a malformed header; None: more must be seen for that."""
        layout = encoding(explicit=True, little_endian=self._now.little_endian, wanted=frozenset())
        if not is_final and not self._sees(window, at, _LONG_HEADER_BYTES):
            return None
        candidates = readings(window, at, layout)
        if not is_final and not self._sees(window, at, bytes_to_see(candidates)):
            return None
        self._malformed += 1
        if self._malformed > self._limits.malformed_max:
            raise self._corrupt(
                f"more than {self._limits.malformed_max} element headers are malformed"
            )
        return choose(candidates, window, at, self._now.end - self._position, layout)

    def _element(self, header_bytes: int, header: tuple[int, str, int], out: list[bytes]) -> int:
        """Write the header of an element; its value, or its items, come next."""
        tag, vr, length = header
        is_unknown_sequence = vr == "UN" and length == UNDEFINED and tag != tags.PIXEL_DATA
        vr = vr or self._vr_by_dictionary(tag, length)
        if vr == "SQ" or is_unknown_sequence:
            return self._sequence(header_bytes, tag, length, out, is_unknown=is_unknown_sequence)
        if length == UNDEFINED:
            raise NotReencodable(
                "the pixels are compressed: there is no other encoding for them here"
            )
        if " " in vr:
            vr = self._resolved(tag, vr)
        padding = padding_of(vr) if length & 1 else b""
        is_turned = self._now.little_endian != self._target_little_endian
        word_bytes = self._word_bytes(tag, vr) if is_turned else 1
        # Group lengths would not be true any more (PS3.5 §7.2): the value goes nowhere.
        is_dropped = not tag & 0xFFFF
        if not is_dropped:
            out.append(self._writer.header(tag, vr, length + len(padding)))
        decides = tag if tag in _DECIDING else 0
        self.passing = Passing(length, 0 if is_dropped else word_bytes, padding, decides)
        return header_bytes

    def _word_bytes(self, tag: int, vr: str) -> int:
        """Tell how many bytes are turned round at once; of pixels, those of a sample.

        Seen: rtdose_expb.dcm of the pydicom test files, samples of 32 bits in OW.
        """
        if tag == tags.PIXEL_DATA and self._now.bits_allocated in {16, 32, 64}:
            return self._now.bits_allocated // 8
        return WORD_BYTES.get(vr, 1)

    def _vr_by_dictionary(self, tag: int, length: int) -> str:
        """Find the VR of an implicit element."""
        if length == UNDEFINED and tag != tags.PIXEL_DATA:
            return "SQ"
        return vr_of(tag)

    def _resolved(self, tag: int, vr: str) -> str:
        return resolve(tag, vr, signed=self._now.signed, lut_entries=self._now.lut_entries)

    def _sequence(
        self, header_bytes: int, tag: int, length: int, out: list[bytes], *, is_unknown: bool
    ) -> int:
        if length == 0:
            out.append(self._writer.header(tag, "SQ", 0))
            return header_bytes
        out.append(self._writer.header(tag, "SQ", UNDEFINED))
        self._open(IN_SEQUENCE, header_bytes, length, SEQUENCE_DELIMITER)
        if is_unknown:
            # PS3.5 §6.2.2 (CP-246): implicit little endian inside, whatever is outside.
            self._now.explicit, self._now.little_endian = False, True
        return header_bytes

    # Containers.

    def _open(self, kind: int, header_bytes: int, length: int, delimiter: int) -> None:
        outer = self._now
        if len(self._stack) >= 2 * self._limits.depth_max:
            raise self._corrupt(f"sequences are nested more than {self._limits.depth_max} deep")
        start = self._position + header_bytes
        end = outer.end if length == UNDEFINED else start + length
        if end > outer.end:
            raise self._corrupt("a sequence or an item is longer than what is around it")
        self._stack.append(outer)
        is_delimited = length == UNDEFINED
        self._now = _Container(kind, start, end, delimiter if is_delimited else NO_DELIMITER)
        self._now.explicit, self._now.little_endian = outer.explicit, outer.little_endian
        self._now.signed = outer.signed

    def _close(self, out: list[bytes]) -> None:
        tag = ITEM_DELIMITER if self._now.kind == IN_ITEM else SEQUENCE_DELIMITER
        out.append(self._writer.delimiting(tag, 0))
        self._now = self._stack.pop()

    def _sees(self, window: bytes, at: int, count: int) -> bool:
        if at + count <= len(window):
            return True
        self.need_bytes = count
        return False

    def _tolerate(self, oddity: str) -> None:
        self.tolerated[oddity] = self.tolerated.get(oddity, 0) + 1

    def _corrupt(self, what: str) -> CorruptPayload:
        return CorruptPayload(f"{what} (byte {self._position} of the data set)")
