"""A data set from metadata and bulk data that came in parts of their own (PS3.18 §10.5.2).

Bulk data of the data set itself is put in by reference, as a stretch of what was spooled; in items
of sequences it is put in as bytes, and bounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.bulk import Bulk, BulkReference
from hilum.dicom.dataset import DataSet
from hilum.dicom.encode import HeaderWriter, encode_data_set
from hilum.dicom.encoding import ITEM
from hilum.dicom.syntaxes import (
    ALL_TRANSFER_SYNTAXES,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.vrs import padding_of
from hilum.dicomweb import reasons
from hilum.dicomweb.choices import IMAGE_TYPES, OCTETS
from hilum.dicomweb.image_header import ImageHeader, image_header
from hilum.dicomweb.media_types import MediaType
from hilum.dicomweb.spooled import SpooledPart
from hilum.kernel.names import UID, is_uid

# Of all items of a data set together; waveforms and curves have some mebibytes.
NESTED_BYTES_MAX: Final = 64 << 20
_VALUE_BYTES_MAX: Final = 0xFFFFFFFE
_FRAGMENT_BYTES_MAX: Final = 0x7FFFFFFE
_HEAD_BYTES: Final = 256 << 10  # of an image; profiles of colours stand before its header
_ITEM_END: Final = 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
_PLAIN: Final = frozenset((EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid))
_VIDEO: Final = ("video/",)
# Whose syntax is read from the image: their default by Table 8.7.3-5 would often be wrong.
_READABLE: Final = ("image/jpeg", "image/jls", "image/x-jls", "image/jp2", "image/jpeg2000")


class NotComposable(ValueError):
    """No data set comes of it; `reason` is a failure reason of PS3.18 Table I.2-2."""

    def __init__(self, message: str, reason: int = reasons.CANNOT_UNDERSTAND) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of what was spooled."""

    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Composed:
    """A data set as its bytes, in order."""

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    pieces: Sequence[bytes | Stretch]


class Bulks:
    """The bulk data of a request by name. `read` gives bytes of the spool."""

    def __init__(self, parts: Sequence[SpooledPart], read: Callable[[int, int], bytes]) -> None:
        self._parts: dict[str, list[SpooledPart]] = {}
        for part in parts:
            self._parts.setdefault(_name(part.location), []).append(part)
        self.read = read

    def of(self, uri: str) -> Sequence[SpooledPart]:
        """Give the parts that a BulkDataURI means: one, or one a frame.

        Raises:
            NotComposable: none came.
        """
        name = _name(uri)
        found = self._parts.get(name) or self._frames(name)
        if not found:
            raise NotComposable("a BulkDataURI has no part with that Content-Location")
        return found

    def _frames(self, name: str) -> list[SpooledPart]:
        found: list[SpooledPart] = []
        while part := self._parts.get(f"{name}/frames/{len(found) + 1}"):
            found.append(part[0])
        return found


def _name(uri: str) -> str:
    """Leave out what clients write in one place and not in the other: scheme and host."""
    rest = uri.strip().strip("<>")
    if "://" in rest:
        rest = rest.partition("://")[2].partition("/")[2]
    return rest.lstrip("/")


def compose(data_set: DataSet, bulks: Bulks) -> Composed:
    """Make a data set of metadata and its bulk data.

    Raises:
        NotComposable: something is missing, or is not what it is said to be.
    """
    syntax, frames = _pixels(data_set, bulks)
    writing = _Writing(bulks)
    for tag, (vr, value) in data_set.sorted():
        if tag == tags.PIXEL_DATA and syntax not in _PLAIN:
            writing.encapsulated(tag, frames)
        elif isinstance(value, BulkReference):
            writing.referred(tag, vr, bulks.of(value.uri))
        else:
            writing.plain(data_set, tag)
    sop_class, sop_instance = (
        data_set.uid(tags.SOP_CLASS_UID),
        data_set.uid(tags.SOP_INSTANCE_UID),
    )
    if not (is_uid(sop_class) and is_uid(sop_instance)):
        raise NotComposable("it has no valid SOP Class UID and SOP Instance UID")
    return Composed(sop_class, sop_instance, syntax, writing.finish())


class _Writing:
    """Puts pieces together; what is in memory is encoded in runs."""

    def __init__(self, bulks: Bulks) -> None:
        self._bulks = bulks
        self._pieces: list[bytes | Stretch] = []
        self._run: DataSet | None = None
        self._nested_left = NESTED_BYTES_MAX
        self._header = HeaderWriter(explicit=True, little_endian=True)

    def plain(self, data_set: DataSet, tag: int) -> None:
        if self._run is None:
            self._run = DataSet(data_set.charset)
        self._run.elements[tag] = data_set.elements[tag]

    def referred(self, tag: int, vr: str, parts: Sequence[SpooledPart]) -> None:
        """Put in a value that was spooled; of several parts, one behind the other."""
        length = sum(part.length for part in parts)
        if length > _VALUE_BYTES_MAX:
            raise NotComposable("a value has more bytes than its length can say")
        padding = padding_of(vr) if length & 1 else b""
        self._flush()
        self._pieces.append(self._header.header(tag, vr, length + len(padding)))
        self._pieces += [Stretch(part.position, part.length) for part in parts if part.length]
        self._pieces.append(padding)

    def encapsulated(self, tag: int, frames: Sequence[SpooledPart]) -> None:
        """Put in compressed pixel data: an empty table of offsets, a fragment a frame."""
        self._flush()
        item = self._header.delimiting
        self._pieces += (self._header.header(tag, "OB", _UNDEFINED), item(ITEM, 0))
        for frame in frames:
            at, end = frame.position, frame.position + frame.length
            while at < end:
                length = min(end - at, _FRAGMENT_BYTES_MAX)
                padding = b"\0" * (length & 1)
                self._pieces += (item(ITEM, length + len(padding)), Stretch(at, length), padding)
                at += length
        self._pieces.append(item(_ITEM_END, 0))

    def finish(self) -> list[bytes | Stretch]:
        self._flush()
        return [piece for piece in self._pieces if piece]

    def _flush(self) -> None:
        if self._run is not None:
            run, self._run = self._run, None
            self._pieces.append(encode_data_set(run, EXPLICIT_VR_LITTLE_ENDIAN, bulk=self._fetch))

    def _fetch(self, value: Bulk | BulkReference) -> bytes:
        """Fetch a value of an item."""
        if isinstance(value, Bulk):
            raise NotComposable("a value is nowhere")
        parts = self._bulks.of(value.uri)
        self._nested_left -= sum(part.length for part in parts)
        if self._nested_left < 0:
            raise NotComposable(f"bulk data of items has more than {NESTED_BYTES_MAX} bytes")
        return b"".join([self._bulks.read(part.position, part.length) for part in parts])


def _pixels(data_set: DataSet, bulks: Bulks) -> tuple[UID, Sequence[SpooledPart]]:
    """Find out how the pixels are encoded; what the metadata leaves out of them is filled in."""
    found = data_set.elements.get(tags.PIXEL_DATA)
    if found is None or not isinstance(found[1], BulkReference):
        return EXPLICIT_VR_LITTLE_ENDIAN.uid, ()
    parts = bulks.of(found[1].uri)
    kind = parts[0].kind
    head: ImageHeader | None = None
    if kind.essence != OCTETS:
        head = image_header(bulks.read(parts[0].position, min(parts[0].length, _HEAD_BYTES)))
    syntax = _syntax_of(kind, head)
    if syntax in _PLAIN:
        return EXPLICIT_VR_LITTLE_ENDIAN.uid, parts
    number = data_set.integer(tags.NUMBER_OF_FRAMES) or 1
    is_video = any(name.startswith(_VIDEO) for name in IMAGE_TYPES.get(syntax, ()))
    if len(parts) != number and not is_video:
        raise NotComposable(f"{len(parts)} parts have pixel data, and there are {number} frames")
    if not data_set.raw(tags.ROWS):
        _describe(data_set, head)
    return syntax, parts


def _syntax_of(kind: MediaType, head: ImageHeader | None) -> UID:
    """Give the transfer syntax of pixel data: what is said, or what the image itself says."""
    said = UID(kind.parameter("transfer-syntax"))
    if said:
        known = ALL_TRANSFER_SYNTAXES.get(said)
        if known is None or known.deflated or not (known.encapsulated or said in _PLAIN):
            raise NotComposable(
                "pixel data of that transfer syntax cannot be taken by itself",
                reasons.SYNTAX_NOT_SUPPORTED,
            )
        return said
    if kind.essence == OCTETS:
        return EXPLICIT_VR_LITTLE_ENDIAN.uid
    if kind.essence in _READABLE:
        if head is None:
            raise NotComposable("pixel data is not the image it is said to be")
        return UID(head.transfer_syntax_uid)
    candidates = [uid for uid, types in IMAGE_TYPES.items() if kind.essence in types]
    if not candidates:
        raise NotComposable(
            "pixel data of that media type cannot be taken", reasons.SYNTAX_NOT_SUPPORTED
        )
    return UID(candidates[0])


_UNSIGNED_SHORTS: Final[Mapping[int, Callable[[ImageHeader], int]]] = {
    0x00280002: lambda one: one.samples,
    tags.ROWS: lambda one: one.rows,
    tags.COLUMNS: lambda one: one.columns,
    tags.BITS_ALLOCATED: lambda one: 8 if one.bits <= 8 else 16,
    0x00280101: lambda one: one.bits,  # Bits Stored
    0x00280102: lambda one: one.bits - 1,  # High Bit
    0x00280103: lambda one: int(one.is_signed),  # Pixel Representation
}


def _describe(data_set: DataSet, head: ImageHeader | None) -> None:
    """Fill in the Image Pixel Description where it was left out."""
    if head is None:
        raise NotComposable("the size of the image is said nowhere")
    builder = DataSetBuilder()
    for tag, value in _UNSIGNED_SHORTS.items():
        builder.numbers(tag, value(head), vr="US")
    builder.texts(0x00280004, head.photometric_interpretation, vr="CS")
    if head.samples > 1:
        builder.numbers(0x00280006, 0, vr="US")
    for tag, element in builder.data_set.elements.items():
        if not data_set.raw(tag):
            data_set.elements[tag] = element
