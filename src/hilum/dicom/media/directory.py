"""A DICOMDIR that grows by an instance at a time (PS3.10 §8.6, PS3.3 §F.3).

Records point to the next one beside them and to the first one below. Each points to what comes
later, so that a pointer is written into a record when what it points to is put behind.

Layout of a record in explicit VR little endian, from its item on:

     0  item, its length
     8  (0004,1400) UL  offset of the next record, its value at 16
    20  (0004,1410) US  in use
    30  (0004,1420) UL  offset of the first record below, its value at 38
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.dataset import DataSet
from hilum.dicom.encode import encode_data_set
from hilum.dicom.encoding import ITEM
from hilum.dicom.json_reader import is_foreign
from hilum.dicom.media.record_types import (
    PATIENT,
    SERIES,
    STUDY,
    is_needed,
    keys_of,
    record_type_of,
)
from hilum.dicom.part10 import file_meta
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"

_FILE_SET_ID: Final = 0x00041130
_FIRST_RECORD: Final = 0x00041200
_LAST_RECORD: Final = 0x00041202
_CONSISTENCY: Final = 0x00041212
_RECORDS: Final = 0x00041220
_NEXT: Final = 0x00041400
_IN_USE: Final = 0x00041410
_BELOW: Final = 0x00041420
_TYPE: Final = 0x00041430
_FILE_ID: Final = 0x00041500
_CLASS_IN_FILE: Final = 0x00041510
_INSTANCE_IN_FILE: Final = 0x00041511
_SYNTAX_IN_FILE: Final = 0x00041512

_NEXT_AT: Final = 16
_BELOW_AT: Final = 38
_OFFSET: Final = Struct("<I")
_SEQUENCE: Final = Struct("<HH2sHI")
_ITEM: Final = Struct("<HHI")
_ROOT: Final = ("",)

# What must be there is invented where an instance says nothing, as others who write media do.
_NO_DATE: Final = "19000101"
_NO_TIME: Final = "000000"
_NO_MODALITY: Final = "OT"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileUids:
    """What a file is, whatever its content says."""

    study: str
    series: str
    sop_class: str
    sop_instance: str
    syntax: str


class MediaDirectory:
    """One DICOMDIR. It is as long as what is said of all instances: some 400 bytes of each."""

    def __init__(self, sop_instance_uid: str, *, file_set_id: str) -> None:
        meta = file_meta(
            sop_class_uid=MEDIA_STORAGE_DIRECTORY,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN.uid,
        )
        head = DataSetBuilder("").texts(_FILE_SET_ID, file_set_id)
        head.numbers(_FIRST_RECORD, 0).numbers(_LAST_RECORD, 0).numbers(_CONSISTENCY, 0)
        beginning = encode_data_set(head.data_set, EXPLICIT_VR_LITTLE_ENDIAN)
        self._content = bytearray(meta + beginning)
        # Values of 4 bytes, the last before an element of 10.
        self._first_at = len(self._content) - 10 - 12 - 4
        self._last_at = len(self._content) - 10 - 4
        self._content += _SEQUENCE.pack(_RECORDS >> 16, _RECORDS & 0xFFFF, b"SQ", 0, 0)
        self._begin = len(self._content)
        self._at: dict[Key, int] = {}
        self._newest: dict[Key, int] = {}

    def add(
        self, instance: DataSet, uids: FileUids, *, file_id: Sequence[str], number: int
    ) -> None:
        """Add an instance; `instance` is what is known of it, in UTF-8, and may be nothing.

        `number`: its place among the others, for who does not say its own.
        """
        patient = instance.text(tags.PATIENT_ID) or uids.study
        keys = (patient,), (patient, uids.study), (patient, uids.study, uids.series)
        invented = _invented(uids, number)
        for key, kind in zip(keys, (PATIENT, STUDY, SERIES), strict=True):
            if key not in self._at:
                self._at[key] = self._put(key[:-1] or _ROOT, _record(kind, instance, invented))
        leaf = _record(record_type_of(uids.sop_class), instance, invented)
        leaf.texts(_FILE_ID, *file_id).texts(_CLASS_IN_FILE, uids.sop_class)
        leaf.texts(_INSTANCE_IN_FILE, uids.sop_instance).texts(_SYNTAX_IN_FILE, uids.syntax)
        self._put(keys[-1], leaf)

    def written(self) -> bytes:
        """Give the file."""
        length = len(self._content) - self._begin
        _OFFSET.pack_into(self._content, self._begin - _OFFSET.size, length)
        _OFFSET.pack_into(self._content, self._last_at, self._newest.get(_ROOT, 0))
        return bytes(self._content)

    def _put(self, parent: Key, record: DataSetBuilder) -> int:
        """Put a record behind the others, and into the chain of those beside it."""
        at = len(self._content)
        before = self._newest.get(parent)
        if before is not None:
            place = before + _NEXT_AT
        else:
            place = self._first_at if parent == _ROOT else self._at[parent] + _BELOW_AT
        _OFFSET.pack_into(self._content, place, at)
        encoded = encode_data_set(record.data_set, EXPLICIT_VR_LITTLE_ENDIAN)
        self._content += _ITEM.pack(ITEM >> 16, ITEM & 0xFFFF, len(encoded)) + encoded
        self._newest[parent] = at
        return at


def _invented(uids: FileUids, number: int) -> Mapping[int, str]:
    """Give what is put in for what must be there (type 1 in PS3.3 §F.5) and is not."""
    return {
        tags.PATIENT_ID: uids.study,
        tags.STUDY_DATE: _NO_DATE,
        tags.STUDY_TIME: _NO_TIME,
        tags.STUDY_ID: "1",
        tags.STUDY_INSTANCE_UID: uids.study,
        tags.MODALITY: _NO_MODALITY,
        tags.SERIES_INSTANCE_UID: uids.series,
        tags.SERIES_NUMBER: "0",
        tags.INSTANCE_NUMBER: str(number),
    }


def _record(kind: str, instance: DataSet, invented: Mapping[int, str]) -> DataSetBuilder:
    """Make a record of what an instance says; pointers come later."""
    record = DataSetBuilder("")
    record.use(UTF_8)
    record.numbers(_NEXT, 0).numbers(_IN_USE, 0xFFFF).numbers(_BELOW, 0).texts(_TYPE, kind)
    for tag in keys_of(kind):
        if instance.raw(tag).strip(b" \0") or instance.items(tag):
            record.data_set.elements[tag] = instance.elements[tag]
        elif tag in invented:
            record.texts(tag, invented[tag])
        elif is_needed(tag):
            record.empty(tag)
    if is_foreign(record.data_set):
        record.texts(tags.SPECIFIC_CHARACTER_SET, UTF_8)
    return record
