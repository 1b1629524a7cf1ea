"""Which attribute is in which column, and what can be counted or looked up beside the columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.dicom.dictionary import tag_of
from hilum.dicom.vrs import vr_of
from hilum.ledger.search_names import PATIENT, REFERRING_PHYSICIAN, NameRole
from hilum.query.level import Level

# The tables of the catalogue as statements of searches call them.
ALIASES: Final = {Level.PATIENT: "p", Level.STUDY: "t", Level.SERIES: "s", Level.IMAGE: "i"}


@dataclass(frozen=True, slots=True)
class Stored:
    """An attribute that has a column. `day`: a column beside it with the date as it sorts.

    `has_values`: several may stand in it, joined by backslashes.
    """

    tag: int
    vr: str
    level: Level
    column: str
    role: NameRole | None = None
    day: str = ""
    has_values: bool = False

    @property
    def name(self) -> str:
        """The column as statements name it."""
        return f"{ALIASES[self.level]}.{self.column}"


_KEYWORDS: Final = {
    Level.PATIENT: "PatientID IssuerOfPatientID PatientName PatientBirthDate PatientSex",
    Level.STUDY: "StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID StudyDescription "
    "ReferringPhysicianName",
    Level.SERIES: "SeriesInstanceUID Modality SeriesNumber SeriesDescription SeriesDate SeriesTime "
    "BodyPartExamined PerformedStationAETitle Manufacturer InstitutionName StationName "
    "PerformedProcedureStepStartDate PerformedProcedureStepStartTime",
    Level.IMAGE: "SOPInstanceUID SOPClassUID InstanceNumber Rows Columns BitsAllocated "
    "NumberOfFrames ImageType ContentDate ContentTime",
}
_ROLES: Final = {"PatientName": PATIENT, "ReferringPhysicianName": REFERRING_PHYSICIAN}
_DAYS: Final = {"PatientBirthDate": "p.birth_day", "StudyDate": "t.study_day"}
_CAPITALS: Final = ("UID", "SOP", "ID", "AE")


def column_of(keyword: str) -> str:
    """Give the column of a keyword: StudyID is `study_id`."""
    for capitals in _CAPITALS:
        keyword = keyword.replace(capitals, capitals.capitalize())
    return "".join(
        f"_{letter.lower()}" if letter.isupper() else letter for letter in keyword
    ).lstrip("_")


def _stored() -> Iterable[Stored]:
    for level, keywords in _KEYWORDS.items():
        for keyword in keywords.split():
            tag = tag_of(keyword)
            if tag is None:
                raise AssertionError(f"{keyword} is not in the dictionary")
            yield Stored(
                tag,
                vr_of(tag),
                level,
                column_of(keyword),
                role=_ROLES.get(keyword),
                day=_DAYS.get(keyword, ""),
                has_values=keyword == "ImageType",
            )


STORED: Final = {stored.tag: stored for stored in _stored()}
OF_LEVEL: Final[dict[Level, tuple[Stored, ...]]] = {
    level: tuple(stored for stored in STORED.values() if stored.level == level) for level in Level
}

MODALITIES_IN_STUDY: Final = 0x00080061
SOP_CLASSES_IN_STUDY: Final = 0x00080062
AVAILABLE_TRANSFER_SYNTAX_UID: Final = 0x00083002
INSTANCE_AVAILABILITY: Final = 0x00080056
ONLINE: Final = "ONLINE"

_SERIES_OF_PATIENT: Final = (
    "FROM study y JOIN series x ON x.study_row = y.id WHERE y.patient_row = p.id"
)
_INSTANCES_OF_PATIENT: Final = (
    "FROM study y JOIN series x ON x.study_row = y.id JOIN instance z ON z.series_row = x.id "
    "WHERE y.patient_row = p.id"
)
_INSTANCES_OF_STUDY: Final = (
    "FROM series x JOIN instance z ON z.series_row = x.id WHERE x.study_row = t.id"
)


@dataclass(frozen=True, slots=True)
class Computed:
    """An attribute that is counted or collected below its level.

    `source` is what follows SELECT ... of a subquery in a statement of a search; `value` is what is
    collected in it, "" when rows are counted.
    """

    tag: int
    vr: str
    level: Level
    source: str
    value: str = ""


COMPUTED: Final = {
    one.tag: one
    for one in (
        Computed(0x00201200, "IS", Level.PATIENT, "FROM study y WHERE y.patient_row = p.id"),
        Computed(0x00201202, "IS", Level.PATIENT, _SERIES_OF_PATIENT),
        Computed(0x00201204, "IS", Level.PATIENT, _INSTANCES_OF_PATIENT),
        Computed(0x00201206, "IS", Level.STUDY, "FROM series x WHERE x.study_row = t.id"),
        Computed(0x00201208, "IS", Level.STUDY, _INSTANCES_OF_STUDY),
        Computed(0x00201209, "IS", Level.SERIES, "FROM instance z WHERE z.series_row = s.id"),
        Computed(
            MODALITIES_IN_STUDY,
            "CS",
            Level.STUDY,
            "FROM study_modality y WHERE y.study_row = t.id",
            "y.modality",
        ),
        Computed(SOP_CLASSES_IN_STUDY, "UI", Level.STUDY, _INSTANCES_OF_STUDY, "z.sop_class_uid"),
        Computed(
            AVAILABLE_TRANSFER_SYNTAX_UID,
            "UI",
            Level.IMAGE,
            "FROM payload y WHERE y.instance_row = i.id AND y.version = i.current_version",
            "y.transfer_syntax_uid",
        ),
    )
}
