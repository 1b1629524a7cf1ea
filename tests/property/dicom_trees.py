"""Trees of elements for property tests, and the plainest encoder of them."""

import struct
import zlib
from dataclasses import dataclass, field

from hypothesis import strategies as st

from hilum.dicom.encoding import LONG_VRS
from hilum.dicom.syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
    transfer_syntax,
)

UNDEFINED = 0xFFFFFFFF
JPEG = transfer_syntax("1.2.840.10008.1.2.4.50")
SYNTAXES = [
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG,
]
# What the reader is asked for; the trees have these at every level, and others.
WANTED = frozenset((0x00080005, 0x00080018, 0x00080060, 0x00100010, 0x00100020, 0x00280010))


@dataclass
class Leaf:
    tag: int
    vr: bytes
    value: bytes


@dataclass
class Sequence:
    tag: int
    items: list[list["Leaf | Sequence"]]
    vr: bytes = b"SQ"
    is_delimited: bool = False
    delimited_items: list[bool] = field(default_factory=list)


@dataclass
class Pixels:
    """Encapsulated pixel data (PS3.5 §A.4)."""

    tag: int
    fragments: list[bytes]


Element = Leaf | Sequence | Pixels


class Encoder:
    """PS3.5 §7, as plainly as it can be written."""

    def __init__(self, syntax: TransferSyntax) -> None:
        self.explicit = syntax.explicit
        self.order = "<" if syntax.little_endian else ">"

    def header(self, tag: int, vr: bytes, length: int) -> bytes:
        group, element = tag >> 16, tag & 0xFFFF
        if not self.explicit or group == 0xFFFE:
            return struct.pack(self.order + "HHI", group, element, length)
        if vr in LONG_VRS:
            return struct.pack(self.order + "HH2sHI", group, element, vr, 0, length)
        return struct.pack(self.order + "HH2sH", group, element, vr, length)

    def element(self, element: Element) -> bytes:
        if isinstance(element, Leaf):
            return self.header(element.tag, element.vr, len(element.value)) + element.value
        if isinstance(element, Pixels):
            items = [self.header(0xFFFEE000, b"", len(f)) + f for f in element.fragments]
            start = self.header(element.tag, b"OB", UNDEFINED)
            return start + b"".join(items) + self.header(0xFFFEE0DD, b"", 0)
        return self.sequence(element)

    def sequence(self, sequence: Sequence) -> bytes:
        inner = self
        if sequence.vr == b"UN":  # CP-246
            inner = Encoder(IMPLICIT_VR_LITTLE_ENDIAN)
        body = b"".join(
            inner.item(item, is_delimited=delimited)
            for item, delimited in zip(sequence.items, sequence.delimited_items, strict=True)
        )
        if not sequence.is_delimited and sequence.vr == b"SQ":
            return self.header(sequence.tag, b"SQ", len(body)) + body
        start = self.header(sequence.tag, sequence.vr, UNDEFINED)
        return start + body + inner.header(0xFFFEE0DD, b"", 0)

    def item(self, elements: list[Element], *, is_delimited: bool) -> bytes:
        body = b"".join(map(self.element, elements))
        if not is_delimited:
            return self.header(0xFFFEE000, b"", len(body)) + body
        start = self.header(0xFFFEE000, b"", UNDEFINED)
        return start + body + self.header(0xFFFEE00D, b"", 0)


VALUES = st.one_of(
    st.binary(max_size=12).map(lambda value: value + b" " * (len(value) & 1)),
    st.integers(0, 90).map(lambda size: bytes(2 * size)),
    # Values that look like structure must not be taken for it.
    st.sampled_from([struct.pack("<HHI", 0xFFFE, tag, 0) for tag in (0xE000, 0xE00D, 0xE0DD)]),
)
LEAVES = st.one_of(
    st.builds(
        Leaf,
        st.sampled_from(sorted(WANTED)),
        st.sampled_from([b"UI", b"CS", b"LO", b"PN", b"US"]),
        VALUES,
    ),
    st.builds(
        Leaf,
        st.sampled_from([0x00080000, 0x00090010, 0x00091001, 0x00181030, 0x00324000, 0xFFFCFFFC]),
        st.sampled_from([b"UL", b"LO", b"OB", b"UN", b"UT", b"FD"]),
        VALUES,
    ),
)


def sequences(items: st.SearchStrategy[list[Element]]) -> st.SearchStrategy[Sequence]:
    @st.composite
    def build(draw):
        content = draw(st.lists(items, max_size=3))
        is_un = draw(st.booleans())
        return Sequence(
            # Public SQ attributes, so that implicit encodings know them; UN ones are private.
            tag=0x00091002 if is_un else draw(st.sampled_from([0x00081140, 0x00400275])),
            items=content,
            vr=b"UN" if is_un else b"SQ",
            is_delimited=draw(st.booleans()),
            delimited_items=draw(
                st.lists(st.booleans(), min_size=len(content), max_size=len(content))
            ),
        )

    return build()


ITEMS = st.recursive(
    st.lists(LEAVES, max_size=4),
    lambda items: st.lists(st.one_of(LEAVES, sequences(items)), max_size=4),
    max_leaves=12,
)
PIXELS = st.one_of(
    st.builds(Leaf, st.just(0x7FE00010), st.just(b"OW"), VALUES),
    st.builds(Pixels, st.just(0x7FE00010), st.lists(VALUES, max_size=4)),
)
DATA_SETS = st.tuples(
    st.lists(st.one_of(LEAVES, LEAVES, sequences(ITEMS)), min_size=1, max_size=8),
    st.one_of(st.none(), PIXELS),
).map(lambda parts: parts[0] + ([parts[1]] if parts[1] else []))
SPLITS = st.lists(st.integers(0, 600), max_size=8)


def encode(elements: list[Element], syntax: TransferSyntax) -> list[bytes]:
    """Encode element by element, so that the places where a data set may end are known."""
    encoder = Encoder(syntax)
    return [encoder.element(element) for element in elements]


def deflate(data_set: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data_set) + stream.flush()


def wire(data_set: bytes, syntax: TransferSyntax) -> bytes:
    return deflate(data_set) if syntax.deflated else data_set
