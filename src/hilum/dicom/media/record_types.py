"""What the directory of a file-set says of instances, by what they are (PS3.3 §F.5)."""

from collections.abc import Mapping, Sequence
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dictionary import tag_of

PATIENT: Final = "PATIENT"
STUDY: Final = "STUDY"
SERIES: Final = "SERIES"
IMAGE: Final = "IMAGE"

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
# By how the UID of a storage class goes on; the first that fits counts. All others are images.
_TYPES: Final = (
    ("88.59", "KEY OBJECT DOC"),
    ("88.", "SR DOCUMENT"),
    ("78.6", "SR DOCUMENT"),
    ("79.1", "SR DOCUMENT"),
    ("11.", "PRESENTATION"),
    ("9.100.", "PRESENTATION"),
    ("9.", "WAVEFORM"),
    ("104.", "ENCAP DOC"),
    ("481.2", "RT DOSE"),
    ("481.3", "RT STRUCTURE SET"),
    ("481.5", "RT PLAN"),
    ("481.8", "RT PLAN"),
    ("481.4", "RT TREAT RECORD"),
    ("481.6", "RT TREAT RECORD"),
    ("481.7", "RT TREAT RECORD"),
    ("481.9", "RT TREAT RECORD"),
    ("66", "RAW DATA"),
    ("66.1", "REGISTRATION"),
    ("66.2", "FIDUCIAL"),
    ("66.3", "REGISTRATION"),
    ("66.5", "SURFACE"),
    ("67", "VALUE MAP"),
    ("77.1.5.3", "STEREOMETRIC"),
    ("4.2", "SPECTROSCOPY"),
)
_CONTENT: Final = "ContentDate ContentTime"
_IDENTIFICATION: Final = "InstanceNumber ContentLabel ContentDescription ContentCreatorName"
_KEYS: Final[Mapping[str, str]] = {
    PATIENT: "PatientName PatientID PatientBirthDate PatientSex",
    STUDY: "StudyDate StudyTime AccessionNumber StudyDescription StudyInstanceUID StudyID",
    SERIES: "Modality SeriesDescription SeriesInstanceUID SeriesNumber",
    IMAGE: "ImageType InstanceNumber NumberOfFrames Rows Columns",
    "KEY OBJECT DOC": f"{_CONTENT} InstanceNumber ConceptNameCodeSequence",
    "SR DOCUMENT": f"{_CONTENT} InstanceNumber CompletionFlag VerificationFlag "
    "ConceptNameCodeSequence",
    "PRESENTATION": f"PresentationCreationDate PresentationCreationTime {_IDENTIFICATION} "
    "ReferencedSeriesSequence BlendingSequence",
    "WAVEFORM": f"{_CONTENT} InstanceNumber",
    "ENCAP DOC": f"{_CONTENT} InstanceNumber DocumentTitle HL7InstanceIdentifier "
    "ConceptNameCodeSequence MIMETypeOfEncapsulatedDocument",
    "RT DOSE": "InstanceNumber DoseSummationType DoseComment",
    "RT STRUCTURE SET": "InstanceNumber StructureSetLabel StructureSetDate StructureSetTime",
    "RT PLAN": "InstanceNumber RTPlanLabel RTPlanDate RTPlanTime",
    "RT TREAT RECORD": "InstanceNumber TreatmentDate TreatmentTime",
    "RAW DATA": f"{_CONTENT} InstanceNumber",
    "REGISTRATION": f"{_CONTENT} {_IDENTIFICATION}",
    "FIDUCIAL": f"{_CONTENT} {_IDENTIFICATION}",
    "SURFACE": f"{_CONTENT} {_IDENTIFICATION}",
    "VALUE MAP": f"{_CONTENT} {_IDENTIFICATION}",
    "STEREOMETRIC": "InstanceNumber",
    "SPECTROSCOPY": f"ImageType {_CONTENT} InstanceNumber NumberOfFrames Rows Columns "
    "DataPointRows DataPointColumns",
}
# What may be there without a value, and is put in when it is missing (type 2 in PS3.3 §F.5).
_MAY_BE_EMPTY: Final = frozenset((tags.PATIENT_NAME, tags.ACCESSION_NUMBER, tags.STUDY_DESCRIPTION))


def record_type_of(sop_class_uid: str) -> str:
    """Give the type of the record of an instance."""
    if sop_class_uid.startswith(_STORAGE):
        end = sop_class_uid.removeprefix(_STORAGE)
        for beginning, kind in _TYPES:
            if end == beginning or (beginning.endswith(".") and end.startswith(beginning)):
                return kind
    return IMAGE


def keys_of(record_type: str) -> Sequence[int]:
    """Give the tags of the attributes that a record has besides those of the directory."""
    return _TAGS[record_type]


def is_needed(tag: int) -> bool:
    """Tell whether an attribute is there at least without a value."""
    return tag in _MAY_BE_EMPTY


def _tags(keywords: str) -> Sequence[int]:
    found = [tag for keyword in keywords.split() if (tag := tag_of(keyword)) is not None]
    return tuple(found)


_TAGS: Final = {kind: _tags(keywords) for kind, keywords in _KEYS.items()}
# All that a directory says of anything, as DICOM JSON names it.
KEY_NAMES: Final = frozenset([f"{tag:08X}" for found in _TAGS.values() for tag in found])
