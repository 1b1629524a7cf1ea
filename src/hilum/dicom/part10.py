"""DICOM files: the preamble and File Meta Information in front of a data set (PS3.10 §7.1).

Works on bytes and on streams that somebody else opened; never reads the data set itself.
"""

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import BinaryIO, Final

from hilum.dicom.syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
)
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID

PREAMBLE: Final = bytes(128)  # zeros: we never pass on what a peer hides there (PS3.10 §7.1)
PREFIX: Final = b"DICM"

# Enough for every group 0002 that anyone writes; read at once, so that most files cost one read.
META_BYTES_USUAL: Final = 16 << 10
# Private Information (0002,0102) may be long, but it is a header: a mebibyte is already absurd.
META_BYTES_MAX: Final = 1 << 20

_SHORT: Final = Struct("<HH2sH")
_LONG: Final = Struct("<HH2sHI")
_IMPLICIT: Final = Struct("<HHI")

_LONG_VRS: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_SHORT_VRS: Final = frozenset((b"AE", b"SH", b"UI", b"UL"))  # that PS3.10 Table 7.1-1 has
_GROUP: Final = 0x0002
_FIRST_VALUE_BYTES_MAX: Final = 64  # group length, character sets, image type, a UID

_GROUP_LENGTH: Final = 0x0000
_SOP_CLASS: Final = 0x0002
_SOP_INSTANCE: Final = 0x0003
_TRANSFER_SYNTAX: Final = 0x0010
_IMPLEMENTATION_CLASS: Final = 0x0012
_IMPLEMENTATION_VERSION: Final = 0x0013
_SOURCE_AE_TITLE: Final = 0x0016
_SENDING_AE_TITLE: Final = 0x0017
_RECEIVING_AE_TITLE: Final = 0x0018
_PRIVATE_CREATOR: Final = 0x0100
_PRIVATE_INFORMATION: Final = 0x0102


@dataclass(slots=True)
class FileMeta:
    """What stands in front of a data set. Texts are empty when the file does not say.

    Not frozen: one is made for every file that comes.
    """

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    implementation_class_uid: UID
    implementation_version_name: str
    source_ae_title: str
    sending_ae_title: str
    receiving_ae_title: str
    private_creator_uid: UID
    private_information: bytes
    data_set_offset: int
    tolerated: tuple[str, ...]  # what was wrong and did not matter


def file_meta(  # noqa: PLR0913 -- one argument for each attribute of PS3.10 Table 7.1-1
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae_title: str = "",
    sending_ae_title: str = "",
    receiving_ae_title: str = "",
    private_creator_uid: str = "",
    private_information: bytes = b"",
) -> bytes:
    """Write preamble, prefix and group 0002: all that comes before the bytes of the data set."""
    elements = [
        _SHORT.pack(_GROUP, 0x0001, b"OB", 0) + b"\x02\0\0\0\x00\x01",  # version 1
        _repeated(_SOP_CLASS, b"UI", sop_class_uid),
        _text(_SOP_INSTANCE, b"UI", sop_instance_uid),
        _repeated(_TRANSFER_SYNTAX, b"UI", transfer_syntax_uid),
        _repeated(_IMPLEMENTATION_CLASS, b"UI", IMPLEMENTATION_CLASS_UID),
        _repeated(_IMPLEMENTATION_VERSION, b"SH", IMPLEMENTATION_VERSION_NAME),
    ]
    if source_ae_title:
        elements.append(_repeated(_SOURCE_AE_TITLE, b"AE", source_ae_title))
    if sending_ae_title:
        elements.append(_repeated(_SENDING_AE_TITLE, b"AE", sending_ae_title))
    if receiving_ae_title:
        elements.append(_repeated(_RECEIVING_AE_TITLE, b"AE", receiving_ae_title))
    if private_creator_uid:
        value = private_information + b"\0" * (len(private_information) & 1)
        elements.append(_repeated(_PRIVATE_CREATOR, b"UI", private_creator_uid))
        elements.append(_LONG.pack(_GROUP, _PRIVATE_INFORMATION, b"OB", 0, len(value)) + value)
    group = b"".join(elements)
    length = _SHORT.pack(_GROUP, _GROUP_LENGTH, b"UL", 4) + len(group).to_bytes(4, "little")
    return b"".join((PREAMBLE, PREFIX, length, group))


def _text(element: int, vr: bytes, text: str) -> bytes:
    """Write one short element; UIDs are padded with NUL, titles with a space (PS3.5 §6.2)."""
    value = text.encode("ascii", "replace")
    if len(value) & 1:
        value += b"\0" if vr == b"UI" else b" "
    return _SHORT.pack(_GROUP, element, vr, len(value)) + value


# What all instances of an association have alike.
_repeated: Final = lru_cache(maxsize=256)(_text)


def sniff(head: bytes) -> bool:
    """Tell from its first bytes (132 are enough) whether a file is worth reading as DICOM.

    Files without preamble count when they start like group 0002 or 0008: old archives have them.
    """
    return head[128:132] == PREFIX or _starts_data_set(head)


def _starts_data_set(head: bytes) -> bool:
    """Tell whether bytes look like the first element of group 0002 or 0008, in any encoding."""
    if len(head) < 8:
        return False
    group, element, vr, _ = _SHORT.unpack_from(head)
    has_vr = _looks_like_vr(vr)
    if group == 0x0800:  # big endian, which is always explicit
        return has_vr
    if group not in {_GROUP, 0x0008} or element > 0x0018:
        return False
    # Implicit: the first values are short.
    return has_vr or int.from_bytes(head[4:8], "little") <= _FIRST_VALUE_BYTES_MAX


def guess_transfer_syntax(head: bytes) -> TransferSyntax:
    """Guess the syntax of a data set whose file does not name it, from its first 8 bytes.

    Compressed and deflated data sets cannot be told apart; the reader treats encapsulated pixel
    data alike in every syntax, so explicit little endian stands for all of them.
    """
    if not _looks_like_vr(head[4:6]):
        return IMPLICIT_VR_LITTLE_ENDIAN
    # The first group is low: its byte that is zero is the high one.
    if head[0] == 0 and head[1] != 0:
        return EXPLICIT_VR_BIG_ENDIAN
    return EXPLICIT_VR_LITTLE_ENDIAN


def read_file_meta(stream: BinaryIO) -> FileMeta:
    """Read what is in front of the data set; afterwards seek to `data_set_offset` for the rest.

    Tolerated and named: no preamble, no group 0002 at all, a wrong or missing group length, meta
    information in implicit VR. Reads at most META_BYTES_MAX bytes.

    Raises:
        CorruptPayload: the stream is empty, ends inside group 0002, or the group has no end.
    """
    head = stream.read(META_BYTES_USUAL)
    if len(head) < META_BYTES_USUAL:
        return _parse(head)
    try:
        meta = _parse(head)
    except _CutShort:
        pass
    else:
        if meta.data_set_offset + 2 <= len(head):  # the next group was seen
            return meta
    return _parse(head + stream.read(META_BYTES_MAX - len(head)))


class _CutShort(CorruptPayload):
    """Group 0002 goes on behind the bytes at hand."""


def _parse(head: bytes) -> FileMeta:
    """Read group 0002 from the first bytes of a file."""
    if not head:
        raise CorruptPayload("the file is empty")
    tolerated: list[str] = []
    start = 132
    # Seen: no_preamble_dicm_in_data of dcm4che has a station called DICMA1 in just that place.
    if head[128:132] != PREFIX or (head[132:134] != b"\x02\0" and _starts_data_set(head)):
        # Seen in pydicom-data: JLSL_RGB_ILV0.dcm begins with group 0002, OT-PAL-8-face.dcm with
        # group 0008.
        tolerated.append("no preamble")
        start = 0
    values, end = _elements(head, start, tolerated)
    if not values:
        tolerated.append("no file meta information")
    elif _GROUP_LENGTH not in values:
        tolerated.append("no group length")
    elif int.from_bytes(values[_GROUP_LENGTH], "little") != end - start - 12:
        tolerated.append("wrong group length")
    return _meta_of(values, end, tuple(tolerated))


def _elements(head: bytes, start: int, tolerated: list[str]) -> tuple[dict[int, bytes], int]:
    """Collect the values of group 0002 from `start` on; also say where the group ends.

    The end is where another group begins: the group length is wrong too often to be trusted.
    """
    values: dict[int, bytes] = {}
    at = start
    while head[at : at + 2] == b"\x02\0":
        if at + 12 > len(head):
            raise _CutShort("the file ends inside its meta information (PS3.10 §7.1)")
        _, element, vr, length = _SHORT.unpack_from(head, at)
        header = 8
        if vr in _LONG_VRS:
            length = int.from_bytes(head[at + 8 : at + 12], "little")
            header = 12
        elif vr not in _SHORT_VRS and not _looks_like_vr(vr):
            length = _IMPLICIT.unpack_from(head, at)[2]
            tolerated.append("implicit meta information")
        if at + header + length > len(head):
            raise _CutShort("the file ends inside its meta information (PS3.10 §7.1)")
        at += header
        values[element] = head[at : at + length]
        at += length
    return values, at


def _meta_of(values: dict[int, bytes], end: int, tolerated: tuple[str, ...]) -> FileMeta:
    """Put the values where they belong."""

    def text(element: int) -> str:
        return values.get(element, b"").decode("ascii", "replace").strip("\0 ")

    return FileMeta(
        sop_class_uid=UID(text(_SOP_CLASS)),
        sop_instance_uid=UID(text(_SOP_INSTANCE)),
        transfer_syntax_uid=UID(text(_TRANSFER_SYNTAX)),
        implementation_class_uid=UID(text(_IMPLEMENTATION_CLASS)),
        implementation_version_name=text(_IMPLEMENTATION_VERSION),
        source_ae_title=text(_SOURCE_AE_TITLE),
        sending_ae_title=text(_SENDING_AE_TITLE),
        receiving_ae_title=text(_RECEIVING_AE_TITLE),
        private_creator_uid=UID(text(_PRIVATE_CREATOR)),
        private_information=values.get(_PRIVATE_INFORMATION, b""),
        data_set_offset=end,
        tolerated=tolerated,
    )


def _looks_like_vr(vr: bytes) -> bool:
    """Tell whether two bytes could be a VR: implicit lengths of early elements never look so."""
    return len(vr) == 2 and vr.isascii() and vr.isalpha() and vr.isupper()
