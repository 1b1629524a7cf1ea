"""A DICOMDIR as pydicom reads it: records, their chains, what is invented."""

from io import BytesIO

import pydicom
import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dataset import DataSet
from hilum.dicom.dictionary import tag_of
from hilum.dicom.media.directory import FileUids, MediaDirectory
from hilum.dicom.media.record_types import record_type_of

CT = "1.2.840.10008.5.1.4.1.1.2"
REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
EXPLICIT = "1.2.840.10008.1.2.1"


def known(**texts):
    builder = DataSetBuilder("ISO_IR 192")
    for keyword, text in texts.items():
        builder.texts(tag_of(keyword), text)
    return builder.data_set


def add(directory, number, instance, *, study="1.1", series="1.1.1", sop_class=CT):
    uids = FileUids(
        study=study,
        series=series,
        sop_class=sop_class,
        sop_instance=f"{series}.{number}",
        syntax=EXPLICIT,
    )
    directory.add(instance, uids, file_id=("DICOM", f"IM{number:06}"), number=number)


def read(directory):
    return pydicom.dcmread(BytesIO(directory.written()))


def tree(found):
    """Follow the pointers: give (type, children) from the root."""
    by_offset = {one.seq_item_tell: one for one in found.DirectoryRecordSequence}

    def chain(offset):
        nodes = []
        while offset:
            record = by_offset[offset]
            below = record.OffsetOfReferencedLowerLevelDirectoryEntity
            nodes.append((record, chain(below)))
            offset = record.OffsetOfTheNextDirectoryRecord
        return nodes

    return chain(found.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)


def shape(nodes):
    return [(record.DirectoryRecordType, shape(below)) for record, below in nodes]


@pytest.fixture
def directory():
    return MediaDirectory("2.25.1", file_set_id="HILUM")


def test_records_are_chained_by_patient_study_series_and_instance(directory):
    anna, bert = known(PatientID="A"), known(PatientID="B")
    add(directory, 1, anna)
    add(directory, 2, anna)
    add(directory, 3, anna, series="1.1.2")
    add(directory, 4, bert, study="1.2", series="1.2.1")
    add(directory, 5, anna, study="1.3", series="1.3.1")  # comes back to the first patient
    add(directory, 6, anna)  # and to the first series

    found = read(directory)

    image = ("IMAGE", [])
    assert shape(tree(found)) == [
        (
            "PATIENT",
            [
                ("STUDY", [("SERIES", [image] * 3), ("SERIES", [image])]),
                ("STUDY", [("SERIES", [image])]),
            ],
        ),
        ("PATIENT", [("STUDY", [("SERIES", [image])])]),
    ]
    last = found.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity
    patients = [
        one for one in found.DirectoryRecordSequence if one.DirectoryRecordType == "PATIENT"
    ]
    assert last == patients[-1].seq_item_tell
    assert found.FileSetID == "HILUM"
    assert found.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.1.3.10"


def test_records_say_what_the_instance_says(directory):
    add(
        directory,
        1,
        known(
            PatientID="A",
            PatientName="Müller^Änne",
            StudyDate="20260102",
            StudyTime="0304",
            StudyID="S1",
            Modality="CT",
            SeriesNumber="7",
            InstanceNumber="3",
        ),
    )

    patient, study, series, image = read(directory).DirectoryRecordSequence

    assert str(patient.PatientName) == "Müller^Änne"
    assert patient.SpecificCharacterSet == "ISO_IR 192"
    assert (study.StudyDate, study.StudyTime, study.StudyID) == ("20260102", "0304", "S1")
    assert (study.AccessionNumber, study.StudyInstanceUID) == ("", "1.1")
    assert "SpecificCharacterSet" not in study
    assert (series.Modality, series.SeriesNumber, series.SeriesInstanceUID) == ("CT", 7, "1.1.1")
    assert image.ReferencedFileID == ["DICOM", "IM000001"]
    assert image.ReferencedSOPClassUIDInFile == CT
    assert image.ReferencedSOPInstanceUIDInFile == "1.1.1.1"
    assert image.ReferencedTransferSyntaxUIDInFile == EXPLICIT
    assert (image.InstanceNumber, image.RecordInUseFlag) == (3, 0xFFFF)


def test_what_must_be_there_is_invented(directory):
    add(directory, 4, DataSet())

    patient, study, series, image = read(directory).DirectoryRecordSequence

    assert (patient.PatientID, str(patient.PatientName)) == ("1.1", "")
    assert (study.StudyDate, study.StudyTime, study.StudyID) == ("19000101", "000000", "1")
    assert (series.Modality, series.SeriesNumber) == ("OT", 0)
    assert image.InstanceNumber == 4


def test_reports_have_a_record_of_their_own(directory):
    title = known(CodeValue="1", CodingSchemeDesignator="L", CodeMeaning="Befund ä")
    report = known(PatientID="A", CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED")
    report.elements[tag_of("ConceptNameCodeSequence")] = ("SQ", [title])

    add(directory, 1, report, sop_class=REPORT)

    record = read(directory).DirectoryRecordSequence[-1]
    assert record.DirectoryRecordType == "SR DOCUMENT"
    assert (record.CompletionFlag, record.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert record.ConceptNameCodeSequence[0].CodeMeaning == "Befund ä"
    assert record.SpecificCharacterSet == "ISO_IR 192"


def test_an_empty_directory_is_one():
    found = read(MediaDirectory("2.25.1", file_set_id="HILUM"))

    assert found.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity == 0
    assert len(found.DirectoryRecordSequence) == 0


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("2", "IMAGE"),
        ("88.59", "KEY OBJECT DOC"),
        ("88.67", "SR DOCUMENT"),
        ("11.1", "PRESENTATION"),
        ("9.1.1", "WAVEFORM"),
        ("104.1", "ENCAP DOC"),
        ("481.1", "IMAGE"),
        ("481.2", "RT DOSE"),
        ("66", "RAW DATA"),
        ("66.1", "REGISTRATION"),
        ("66.4", "IMAGE"),
        ("4.2", "SPECTROSCOPY"),
    ],
)
def test_the_type_of_a_record_follows_from_the_class(end, kind):
    assert record_type_of(f"1.2.840.10008.5.1.4.1.1.{end}") == kind


def test_unknown_classes_are_images():
    assert record_type_of("1.2.3") == record_type_of("") == "IMAGE"
