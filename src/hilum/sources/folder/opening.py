"""Opens a file to take: what it says it is, and where its data set begins. Blocks: for threads."""

import os
from dataclasses import dataclass
from typing import BinaryIO, Final

from hilum.dicom.header import Header
from hilum.dicom.part10 import FileMeta, guess_transfer_syntax, read_file_meta, sniff
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import SOP_CLASS_UID, SOP_INSTANCE_UID
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID, is_uid
from hilum.sources.folder.looking import Finished, Stamp

MEDIA_STORAGE_DIRECTORY: Final = UID("1.2.840.10008.1.3.10")
_SNIFF_BYTES: Final = 132
_HEAD_BYTES: Final = 8
_CHUNK_BYTES: Final = 64 * 1024
_WANTED: Final = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID})


class Changed(Exception):
    """Somebody wrote to the file or took it away: look again later."""


@dataclass(slots=True)
class OpenFile:
    """A file whose data set is next to be read. The taker closes it."""

    stream: BinaryIO
    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID

    def read_into(self, view: memoryview) -> int:
        """Read the next bytes of the data set; 0 is the end. Raises OSError."""
        return self.stream.readinto(view)  # type: ignore[attr-defined,no-any-return] # raw files have it


def open_file(finished: Finished) -> OpenFile:
    """Open a finished file and find out what instance it is.

    Raises:
        Changed: it is not the file that was looked at any more.
        CorruptPayload: it is not DICOM, or no instance; says why.
        OSError: it cannot be read.
    """
    stream = _opened(finished)
    try:
        return _understood(stream)
    except BaseException:
        stream.close()
        raise


def _opened(finished: Finished) -> BinaryIO:
    try:
        descriptor = os.open(finished.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Changed from error
    stream = os.fdopen(descriptor, "rb", buffering=0)
    if Stamp.of(os.fstat(descriptor)) != finished.stamp:
        stream.close()
        raise Changed
    return stream


def _understood(stream: BinaryIO) -> OpenFile:
    if not sniff(stream.read(_SNIFF_BYTES)):
        raise CorruptPayload("it is not a DICOM file")
    stream.seek(0)
    meta = read_file_meta(stream)
    stream.seek(meta.data_set_offset)
    syntax = (
        transfer_syntax(meta.transfer_syntax_uid)
        if is_uid(meta.transfer_syntax_uid)
        else guess_transfer_syntax(stream.read(_HEAD_BYTES))
    )
    stream.seek(meta.data_set_offset)
    header = _header(stream, DataSetReader(syntax, _WANTED))
    stream.seek(meta.data_set_offset)
    sop_class = header.uid(SOP_CLASS_UID) or meta.sop_class_uid
    sop_instance = header.uid(SOP_INSTANCE_UID) or meta.sop_instance_uid
    _check(meta, sop_class, sop_instance)
    return OpenFile(stream, sop_class, sop_instance, syntax.uid)


def _check(meta: FileMeta, sop_class: UID, sop_instance: UID) -> None:
    if MEDIA_STORAGE_DIRECTORY in (meta.sop_class_uid, sop_class):
        raise CorruptPayload("it is a DICOMDIR: the files it lists are taken one by one")
    if not (is_uid(sop_class) and is_uid(sop_instance)):
        raise CorruptPayload("it has no valid SOP Class UID and SOP Instance UID")


def _header(stream: BinaryIO, reader: DataSetReader) -> Header:
    """Read as far as the attributes that name the instance."""
    while (header := reader.header) is None:
        chunk = stream.read(_CHUNK_BYTES)
        if not chunk:
            return reader.finish()
        reader.feed(chunk)
    return header
