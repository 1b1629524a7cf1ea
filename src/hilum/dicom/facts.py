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


# What all instances of a series say alike, in the order of the fields from study_instance_uid to
# performed_procedure_step_start_time; all of it is text but one.
_SHARED: Final = (
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
_SERIES_NUMBER_AT: Final = _SHARED.index(tags.SERIES_NUMBER)
# Series that are being received at a time; of more, some are decoded again.
_REMEMBERED_MAX: Final = 64


class FactsReader:
    """Reads facts from headers; what a series repeats in each instance is decoded once.

    It is recognised by its bytes, so that nothing is taken over from another series.
    """

    def __init__(self) -> None:
        # Any: texts and one number, in the order of the fields.
        self._decoded: dict[tuple[object, ...], tuple[Any, ...]] = {}

    def facts_of(self, header: Header) -> InstanceFacts:
        """Read the catalogue attributes. Hot: positional, in the order of the fields."""
        raw = (header.charset.codec, *map(header.values.get, _SHARED))
        shared = self._decoded.get(raw)
        if shared is None:
            shared = self._decode(header, raw)
        text, integer = header.text, header.integer
        return InstanceFacts(  # type: ignore[call-arg] # mypy does not count what * gives
            header.uid(tags.SOP_INSTANCE_UID),
            header.uid(tags.SOP_CLASS_UID),
            *shared,
            integer(tags.INSTANCE_NUMBER),
            integer(tags.ROWS),
            integer(tags.COLUMNS),
            integer(tags.BITS_ALLOCATED),
            integer(tags.NUMBER_OF_FRAMES),
            text(tags.IMAGE_TYPE),
            text(tags.CONTENT_DATE),
            text(tags.CONTENT_TIME),
        )

    def _decode(self, header: Header, raw: tuple[object, ...]) -> tuple[Any, ...]:
        values: list[object] = [header.text(tag) for tag in _SHARED]
        values[_SERIES_NUMBER_AT] = header.integer(tags.SERIES_NUMBER)
        if len(self._decoded) >= _REMEMBERED_MAX:
            self._decoded.clear()
        shared = self._decoded[raw] = tuple(values)
        return shared


def facts_of(header: Header) -> InstanceFacts:
    """Read the catalogue attributes of one header, by itself."""
    return FactsReader().facts_of(header)
