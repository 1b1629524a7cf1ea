"""Which attribute is asked for at which level, and what is answered without being asked for.

PS3.4 §C.6.1.1 and §C.6.2.1; PS3.18 §10.6.1.2.3 and §10.6.3.3.
"""

from typing import Final

from hilum.dicom.dictionary import tag_of
from hilum.query.level import Level


def _tags(keywords: str) -> tuple[int, ...]:
    found = [tag_of(keyword) for keyword in keywords.split()]
    return tuple(tag for tag in found if tag is not None)


# Unique, required and optional keys of PS3.4 §C.6, with those of later editions and of IHE.
KEYS: Final[dict[Level, tuple[int, ...]]] = {
    Level.PATIENT: _tags(
        "PatientID PatientName IssuerOfPatientID IssuerOfPatientIDQualifiersSequence "
        "ReferencedPatientSequence PatientBirthDate PatientBirthTime PatientSex OtherPatientIDs "
        "OtherPatientIDsSequence OtherPatientNames EthnicGroup PatientComments "
        "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances"
    ),
    Level.STUDY: _tags(
        "StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID ModalitiesInStudy "
        "SOPClassesInStudy ReferringPhysicianName StudyDescription ProcedureCodeSequence "
        "NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription ReferencedStudySequence "
        "PatientAge PatientSize PatientWeight Occupation AdditionalPatientHistory "
        "OtherStudyNumbers NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances "
        "IssuerOfAccessionNumberSequence"
    ),
    Level.SERIES: _tags(
        "SeriesInstanceUID Modality SeriesNumber NumberOfSeriesRelatedInstances SeriesDescription "
        "SeriesDate SeriesTime PerformedProcedureStepStartDate PerformedProcedureStepStartTime "
        "RequestAttributesSequence BodyPartExamined Laterality PerformedStationAETitle "
        "StationName InstitutionName Manufacturer PerformingPhysicianName OperatorsName"
    ),
    Level.IMAGE: _tags(
        "SOPInstanceUID InstanceNumber SOPClassUID AlternateRepresentationSequence "
        "RelatedGeneralSOPClassUID ConceptNameCodeSequence ContentTemplateSequence "
        "ContainerIdentifier SpecimenDescriptionSequence AvailableTransferSyntaxUID Rows Columns "
        "BitsAllocated NumberOfFrames ImageType ContentDate ContentTime AcquisitionDate "
        "AcquisitionTime"
    ),
}
_LEVELS: Final = {tag: level for level, found in KEYS.items() for tag in found}

# Found by counting or looking below the level, not in the data sets of it.
COMPUTED: Final = frozenset(
    _tags(
        "ModalitiesInStudy SOPClassesInStudy NumberOfPatientRelatedStudies "
        "NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances NumberOfStudyRelatedSeries "
        "NumberOfStudyRelatedInstances NumberOfSeriesRelatedInstances AvailableTransferSyntaxUID"
    )
)

# What a search answers without `includefield` (PS3.18 Tables 10.6.3-3, -4 and -5).
DEFAULTS: Final[dict[Level, tuple[int, ...]]] = {
    Level.PATIENT: _tags("PatientName PatientID PatientBirthDate PatientSex"),
    Level.STUDY: _tags(
        "StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy "
        "ReferringPhysicianName TimezoneOffsetFromUTC RetrieveURL PatientName PatientID "
        "PatientBirthDate PatientSex StudyInstanceUID StudyID NumberOfStudyRelatedSeries "
        "NumberOfStudyRelatedInstances"
    ),
    Level.SERIES: _tags(
        "Modality TimezoneOffsetFromUTC SeriesDescription RetrieveURL SeriesInstanceUID "
        "SeriesNumber NumberOfSeriesRelatedInstances PerformedProcedureStepStartDate "
        "PerformedProcedureStepStartTime RequestAttributesSequence"
    ),
    Level.IMAGE: _tags(
        "SOPClassUID SOPInstanceUID InstanceAvailability TimezoneOffsetFromUTC RetrieveURL "
        "InstanceNumber Rows Columns BitsAllocated NumberOfFrames"
    ),
}

# A date and the time that belongs to it (PS3.4 §C.2.2.2.5, combined matching).
MOMENTS: Final = {
    date: time
    for pair in (
        "StudyDate StudyTime",
        "SeriesDate SeriesTime",
        "AcquisitionDate AcquisitionTime",
        "ContentDate ContentTime",
        "PatientBirthDate PatientBirthTime",
        "PerformedProcedureStepStartDate PerformedProcedureStepStartTime",
        "ScheduledProcedureStepStartDate ScheduledProcedureStepStartTime",
    )
    for date, time in [_tags(pair)]
}


def level_of(tag: int) -> Level | None:
    """Give the level that an attribute belongs to; None: no table has it."""
    return _LEVELS.get(tag)
