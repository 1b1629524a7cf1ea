"""What the catalogue knows of an instance, as text and numbers."""

from dataclasses import dataclass

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
    instance_number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    number_of_frames: int | None
    image_type: str
    content_date: str
    content_time: str


def facts_of(header: Header) -> InstanceFacts:
    """Read the catalogue attributes from a header. Hot: positional, in the order of the fields."""
    text, uid, integer = header.text, header.uid, header.integer
    return InstanceFacts(
        uid(tags.SOP_INSTANCE_UID),
        uid(tags.SOP_CLASS_UID),
        uid(tags.STUDY_INSTANCE_UID),
        uid(tags.SERIES_INSTANCE_UID),
        text(tags.PATIENT_ID),
        text(tags.ISSUER_OF_PATIENT_ID),
        text(tags.PATIENT_NAME),
        text(tags.PATIENT_BIRTH_DATE),
        text(tags.PATIENT_SEX),
        text(tags.STUDY_DATE),
        text(tags.STUDY_TIME),
        text(tags.ACCESSION_NUMBER),
        text(tags.STUDY_ID),
        text(tags.STUDY_DESCRIPTION),
        text(tags.REFERRING_PHYSICIAN_NAME),
        text(tags.MODALITY),
        integer(tags.SERIES_NUMBER),
        text(tags.SERIES_DESCRIPTION),
        text(tags.SERIES_DATE),
        text(tags.SERIES_TIME),
        text(tags.BODY_PART_EXAMINED),
        text(tags.PERFORMED_STATION_AE_TITLE),
        text(tags.MANUFACTURER),
        text(tags.INSTITUTION_NAME),
        text(tags.STATION_NAME),
        integer(tags.INSTANCE_NUMBER),
        integer(tags.ROWS),
        integer(tags.COLUMNS),
        integer(tags.BITS_ALLOCATED),
        integer(tags.NUMBER_OF_FRAMES),
        text(tags.IMAGE_TYPE),
        text(tags.CONTENT_DATE),
        text(tags.CONTENT_TIME),
    )
