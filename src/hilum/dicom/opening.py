"""The beginning of a file that arrives in pieces: what instance it is, and where its bytes go on.

Holds no more than is needed to know that, and never more than a limit; nothing is copied that
belongs to the data set.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from hilum.dicom.header import Header
from hilum.dicom.metas import Metas
from hilum.dicom.part10 import (
    META_BYTES_MAX,
    META_BYTES_USUAL,
    FileMeta,
    guess_transfer_syntax,
    sniff,
)
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES, transfer_syntax
from hilum.dicom.tags import SOP_CLASS_UID, SOP_INSTANCE_UID
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID, is_uid

# Both UIDs are in the first kilobyte of nearly every data set.
_STEP_BYTES: Final = 2 << 10
# Looked at in one go: both UIDs are mostly in the first of these. The rest is read later anyway.
_LOOK_BYTES: Final = 512
# Meta information and what follows it; who is not named by then has no name.
_HEAD_BYTES_MAX: Final = META_BYTES_MAX + (64 << 10)
_MEDIA_STORAGE_DIRECTORY: Final = UID("1.2.840.10008.1.3.10")
_WANTED: Final = frozenset((SOP_CLASS_UID, SOP_INSTANCE_UID))

# The first elements of a data set in explicit little endian, which has them all in group 0008.
_ELEMENT: Final = Struct("<HH2sH")
_GROUP: Final = 0x0008
_UIDS: Final = (SOP_CLASS_UID & 0xFFFF, SOP_INSTANCE_UID & 0xFFFF)
_LAST: Final = max(_UIDS)
_VRS: Final = frozenset((b"CS", b"DA", b"TM", b"DT", b"UI", b"UL"))
_PLAIN: Final = frozenset(
    uid
    for uid, syntax in ALL_TRANSFER_SYNTAXES.items()
    if syntax.explicit and syntax.little_endian and not syntax.deflated
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file is. `pieces`: the bytes of its data set that came so far."""

    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    pieces: tuple[memoryview, ...]


class FileOpener:
    """One file. Feed it until it gives an answer; at the end of the file, finish it.

    `transfer_syntax_uid` is what somebody else said, for a file that does not say it itself. The
    data set says what instance it is; what it leaves open, the meta information says.
    """

    def __init__(self, transfer_syntax_uid: str = "", metas: Metas | None = None) -> None:
        """Begin; `metas` remembers the file before, of those that come one after another."""
        self._metas = metas or Metas()
        self._said = transfer_syntax_uid if is_uid(transfer_syntax_uid) else ""
        self._pieces: list[memoryview] = []
        self._held = 0
        self._needed = META_BYTES_USUAL

    def feed(self, piece: memoryview) -> Opened | None:
        """Take the next bytes, which must stay as they are; None: more are needed.

        Raises:
            CorruptPayload: it is not DICOM, or no instance; says why.
        """
        self._pieces.append(piece)
        self._held += len(piece)
        return self._look() if self._held >= self._needed else None

    def finish(self) -> Opened:
        """Take the end of the file.

        Raises:
            CorruptPayload: as `feed`.
        """
        opened = self._look(is_all=True)
        assert opened is not None  # noqa: S101 - only what is not all can need more
        return opened

    def _look(self, *, is_all: bool = False) -> Opened | None:
        head = self._head()
        if not sniff(head):
            raise CorruptPayload("it is not a DICOM file")
        is_last = is_all or self._needed >= _HEAD_BYTES_MAX
        try:
            return self._understood(head, is_last=is_last)
        except CorruptPayload:
            if is_last:
                raise
        self._needed = min(4 * self._needed, _HEAD_BYTES_MAX)
        return self._look() if self._held >= self._needed else None

    def _understood(self, head: bytes, *, is_last: bool) -> Opened:
        meta = self._metas.read(head)
        if meta.data_set_offset + _STEP_BYTES > len(head) and not is_last:
            raise CorruptPayload("its data set is not there yet")
        syntax = self._syntax(meta, head)
        front = head[meta.data_set_offset :]
        return self._opened(meta, _quickly_met(front, syntax) or _met(front, syntax), syntax)

    def _head(self) -> bytes:
        left = self._needed
        parts: list[memoryview] = []
        for piece in self._pieces:
            parts.append(piece[:left])
            left -= len(parts[-1])
            if not left:
                break
        return b"".join(parts)

    def _syntax(self, meta: FileMeta, head: bytes) -> UID:
        if is_uid(meta.transfer_syntax_uid):
            return meta.transfer_syntax_uid
        first = head[meta.data_set_offset : meta.data_set_offset + 8]
        return UID(self._said) or guess_transfer_syntax(first).uid

    def _opened(self, meta: FileMeta, met: tuple[UID, UID], syntax: UID) -> Opened:
        sop_class = met[0] or meta.sop_class_uid
        sop_instance = met[1] or meta.sop_instance_uid
        if _MEDIA_STORAGE_DIRECTORY in (meta.sop_class_uid, sop_class):
            raise CorruptPayload("it is a DICOMDIR, which is no instance")
        if not (is_uid(sop_class) and is_uid(sop_instance)):
            raise CorruptPayload("it has no valid SOP Class UID and SOP Instance UID")
        return Opened(sop_class, sop_instance, syntax, tuple(self._behind(meta.data_set_offset)))

    def _behind(self, offset: int) -> list[memoryview]:
        """Give what was fed from an offset on."""
        found: list[memoryview] = []
        for piece in self._pieces:
            if offset < len(piece):
                found.append(piece[offset:])
            offset = max(offset - len(piece), 0)
        return found


def _quickly_met(front: bytes, syntax: UID) -> tuple[UID, UID] | None:
    """Find both UIDs where nearly every data set has them; None: this is not such a one."""
    if syntax not in _PLAIN:
        return None
    at = 0
    found: dict[int, UID] = {}
    while at + _ELEMENT.size <= len(front):
        group, element, vr, length = _ELEMENT.unpack_from(front, at)
        if group != _GROUP or element > _LAST or vr not in _VRS:
            break
        at += _ELEMENT.size
        if at + length > len(front):
            break
        if vr == b"UI" and element in _UIDS:
            text = front[at : at + length].rstrip(b"\0 ")
            if not is_uid(uid := text.decode("ascii", "replace")):
                break
            found[element] = UID(uid)
            if len(found) == len(_UIDS):
                return found[_UIDS[0]], found[_UIDS[1]]
        at += length
    return None


def _met(front: bytes, syntax: UID) -> tuple[UID, UID]:
    """Read the beginning of a data set up to the UIDs, or as far as it can be read."""
    met = _header_of(front, syntax)
    return met.uid(SOP_CLASS_UID), met.uid(SOP_INSTANCE_UID)


def _header_of(front: bytes, syntax: UID) -> Header:
    reader = DataSetReader(transfer_syntax(syntax), _WANTED)
    try:
        for at in range(0, len(front), _LOOK_BYTES):
            reader.feed(front[at : at + _LOOK_BYTES])
            met = reader.met
            if reader.header is not None or met.values.keys() >= _WANTED:
                return met
    except CorruptPayload:
        # What is wrong with it is found again, and told, by who reads all of it.
        pass
    return reader.met
