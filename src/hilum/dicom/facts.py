"""What the catalogue knows of an instance, as text and numbers."""

from dataclasses import dataclass
from typing import Any, Final

from hilum.dicom import tags
from hilum.dicom.header import Header
from hilum.kernel.names import UID


@dataclass(slots=True)
class InstanceFacts:
    """Catalogue attributes of one instance. Empty text and None: the data set does not say.

    Dates, times and names are as received, without padding; several values are joined by a
    backslash. UIDs may be malformed: see `is_uid`.
    """

    sop_instance_uid: UID
    sop_class_uid: UID
    study_instance_uid: UID
    series_instance_uid: UID
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    study_date: str
    study_time: str
    accession_number: str
    study_id: str
    study_description: str
    referring_physician_name: str
    modality: str
    series_number: int | None
    series_description: str
    series_date: str
    series_time: str
    body_part_examined: str
    performed_station_ae_title: str
    manufacturer: str
    institution_name: str
    station_name: str
    performed_procedure_step_start_date: str
    performed_procedure_step_start_time: str
    instance_number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    number_of_frames: int | None
    image_type: str
    content_date: str
    content_time: str


# What all instances of a series say alike, or nearly all, in the order of the fields: before the
# instance number and behind it. All of it is text but a few numbers.
_BEFORE: Final = (
    tags.SOP_CLASS_UID,
    tags.STUDY_INSTANCE_UID,
    tags.SERIES_INSTANCE_UID,
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.PATIENT_NAME,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
    tags.STUDY_DATE,
    tags.STUDY_TIME,
    tags.ACCESSION_NUMBER,
    tags.STUDY_ID,
    tags.STUDY_DESCRIPTION,
    tags.REFERRING_PHYSICIAN_NAME,
    tags.MODALITY,
    tags.SERIES_NUMBER,
    tags.SERIES_DESCRIPTION,
    tags.SERIES_DATE,
    tags.SERIES_TIME,
    tags.BODY_PART_EXAMINED,
    tags.PERFORMED_STATION_AE_TITLE,
    tags.MANUFACTURER,
    tags.INSTITUTION_NAME,
    tags.STATION_NAME,
    tags.PERFORMED_PROCEDURE_STEP_START_DATE,
    tags.PERFORMED_PROCEDURE_STEP_START_TIME,
)
_BEHIND: Final = (
    tags.ROWS,
    tags.COLUMNS,
    tags.BITS_ALLOCATED,
    tags.NUMBER_OF_FRAMES,
    tags.IMAGE_TYPE,
)
_SHARED: Final = (*_BEFORE, *_BEHIND)
_NUMBERS: Final = frozenset(
    (
        tags.SERIES_NUMBER,
        tags.ROWS,
        tags.COLUMNS,
        tags.BITS_ALLOCATED,
        tags.NUMBER_OF_FRAMES,
    )
)
# Series that are being received at a time; of more, some are decoded again.
_REMEMBERED_MAX: Final = 64


class FactsReader:
    """Reads facts from headers; what a series repeats in each instance is decoded once.

    It is recognised by its bytes, so that nothing is taken over from another series.
    """

    def __init__(self) -> None:
        # Any: texts and some numbers, in the order of the fields.
        self._decoded: dict[tuple[object, ...], tuple[tuple[Any, ...], tuple[Any, ...]]] = {}

    def facts_of(self, header: Header) -> InstanceFacts:
        """Read the catalogue attributes. Hot: positional, in the order of the fields."""
        order = header.little_endian
        raw = (header.charset.codec, order, *map(header.values.get, _SHARED))
        shared = self._decoded.get(raw)
        if shared is None:
            shared = self._decode(header, raw)
        before, behind = shared
        return InstanceFacts(  # type: ignore[call-arg] # mypy does not count what * gives
            header.uid(tags.SOP_INSTANCE_UID),
            *before,
            header.integer(tags.INSTANCE_NUMBER),
            *behind,
            header.text(tags.CONTENT_DATE),
            header.text(tags.CONTENT_TIME),
        )

    def _decode(
        self, header: Header, raw: tuple[object, ...]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        if len(self._decoded) >= _REMEMBERED_MAX:
            self._decoded.clear()
        before, behind = (
            tuple([_value(header, tag) for tag in some]) for some in (_BEFORE, _BEHIND)
        )
        self._decoded[raw] = before, behind
        return before, behind


def _value(header: Header, tag: int) -> str | int | None:
    return header.integer(tag) if tag in _NUMBERS else header.text(tag)


def facts_of(header: Header) -> InstanceFacts:
    """Read the catalogue attributes of one header, by itself."""
    return FactsReader().facts_of(header)
