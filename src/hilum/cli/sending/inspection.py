"""Looks into one source: is it an instance that can be sent, and whole?

Reads headers only: long values are stepped over, so that the disk is not read twice. That a file
ends where its last element does is checked all the same.
"""

from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from hilum.cli.sending.dicomdir import MEDIA_STORAGE_DIRECTORY
from hilum.cli.sending.item import BadFile, Item
from hilum.cli.sending.source import Source
from hilum.dicom.header import Header
from hilum.dicom.part10 import FileMeta, guess_transfer_syntax, read_file_meta, sniff
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import TransferSyntax, transfer_syntax
from hilum.dicom.tags import SOP_CLASS_UID, SOP_INSTANCE_UID
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID, is_uid

# Most headers are shorter, private ones included; what is longer costs another read.
WINDOW_BYTES: Final = 16 * 1024
_WANTED: Final = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID})


@dataclass(frozen=True, slots=True)
class NotDicom:
    """Something else: a viewer, a README, a thumbnail."""

    reason: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A DICOMDIR: not an instance, but it knows where some are."""

    offset: int
    syntax: TransferSyntax


class _SteppingReader(DataSetReader):
    """A reader that says which bytes it does not need to see."""

    def step_over(self, available: int) -> int:
        """Take up to `available` bytes of a long value for seen; say how many."""
        count = min(self._skip_bytes, available)
        self._skip_bytes -= count
        self._position += count
        return count

    def ends_beyond(self, available: int) -> bool:
        """Tell whether the value it is in needs more than `available` bytes."""
        return self._skip_bytes > available


class _Front:
    """The front of a source as a stream that remembers what was read: it is read once only."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self.seen = source.read_at(0, WINDOW_BYTES)

    def read(self, count: int) -> bytes:
        """Give the next `count` bytes, fewer only at the end."""
        end = self._at + count
        if end > len(self.seen):
            self.seen += self._source.read_at(len(self.seen), end - len(self.seen))
        start, self._at = self._at, min(end, len(self.seen))
        return self.seen[start:end]


def inspect(
    source: Source, *, takes_damaged: bool = False
) -> Item | BadFile | NotDicom | Directory:
    """Find out what `source` is; with `takes_damaged` a broken structure is no objection.

    Raises:
        OSError, zipfile.BadZipFile, zlib.error, EOFError: the medium fails.
    """
    if source.size == 0:
        return BadFile(source.origin, "empty")
    front = _Front(source)
    if not sniff(front.seen):
        return NotDicom("not DICOM")
    try:
        meta = read_file_meta(cast("BinaryIO", front))
    except CorruptPayload as error:
        return BadFile(source.origin, str(error))
    if meta.sop_class_uid == MEDIA_STORAGE_DIRECTORY:
        return Directory(meta.data_set_offset, transfer_syntax(meta.transfer_syntax_uid))
    return _inspect_data_set(source, front.seen, meta, takes_damaged=takes_damaged)


def _inspect_data_set(
    source: Source, front: bytes, meta: FileMeta, *, takes_damaged: bool
) -> Item | BadFile | NotDicom:
    offset = meta.data_set_offset
    syntax = _syntax_of(meta, front[offset : offset + 8])
    reader = _SteppingReader(syntax, _WANTED)
    damage = ""
    try:
        header: Header | None = _read(source, front, offset, reader)
    except CorruptPayload as error:
        damage = str(error)
        header = reader.header
    sop_class, sop_instance = _names(header, meta)
    if not (is_uid(sop_class) and is_uid(sop_instance)):
        # Without meta information and names nothing but a guess says that this is DICOM at all.
        if "no file meta information" in meta.tolerated:
            return NotDicom("not DICOM")
        return BadFile(source.origin, damage or "no valid SOP Class UID and SOP Instance UID")
    if damage and not takes_damaged:
        return BadFile(source.origin, f"{damage} (--damaged sends it as it is)")
    length = source.size - offset
    return Item(sop_class, sop_instance, syntax.uid, source.origin, offset, length, source.stamp)


def _read(source: Source, front: bytes, offset: int, reader: _SteppingReader) -> Header:
    """Read the data set as far as it must be read to know that it is whole.

    Raises:
        CorruptPayload: it is not.
    """
    reader.feed(memoryview(front)[offset:])
    position = len(front)
    while position < source.size:
        left = source.size - position
        if source.seeks:
            position += reader.step_over(left)
        elif (header := reader.header) is not None and not reader.ends_beyond(left):
            # Unpacking all of it only to see its last element again would double the work.
            return header
        chunk = source.read_at(position, WINDOW_BYTES)
        if not chunk:
            break
        reader.feed(chunk)
        position += len(chunk)
    return reader.finish()


def _names(header: Header | None, meta: FileMeta) -> tuple[UID, UID]:
    """Give SOP class and instance: of the data set, which wins over the file's meta information."""
    if header is None:
        return meta.sop_class_uid, meta.sop_instance_uid
    return (
        header.uid(SOP_CLASS_UID) or meta.sop_class_uid,
        header.uid(SOP_INSTANCE_UID) or meta.sop_instance_uid,
    )


def _syntax_of(meta: FileMeta, head: bytes) -> TransferSyntax:
    if is_uid(meta.transfer_syntax_uid):
        return transfer_syntax(meta.transfer_syntax_uid)
    return guess_transfer_syntax(head)
