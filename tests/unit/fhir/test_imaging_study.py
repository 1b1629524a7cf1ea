import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.fhir.imaging_study import Shape, Study, imaging_study
from hilum.fhir.release import Release

ENDPOINT = "Endpoint/dicom-web"


def a_data_set(**texts):
    builder = DataSetBuilder("ISO_IR 192")
    for keyword, value in texts.items():
        values = value if isinstance(value, tuple) else (value,)
        builder.texts(tag_of(keyword), *values)
    return builder.data_set


STUDY = a_data_set(
    StudyInstanceUID="1.2.3",
    StudyDate="20240531",
    StudyTime="101500",
    AccessionNumber="A1",
    ModalitiesInStudy=("CT", "SR"),
    NumberOfStudyRelatedSeries="2",
    NumberOfStudyRelatedInstances="7",
    StudyDescription="Schädel",
    PatientID="P1",
    IssuerOfPatientID="1.9.9",
    PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
    PatientBirthDate="19700102",
    PatientSex="M",
    ReferringPhysicianName="Doe^Jane^^Dr.",
)
SERIES = a_data_set(
    SeriesInstanceUID="1.2.3.4",
    SeriesNumber="-1",
    Modality="CT",
    BodyPartExamined="HEAD",
    Laterality="R",
    NumberOfSeriesRelatedInstances="1",
)
INSTANCE = a_data_set(
    SOPInstanceUID="1.2.3.4.5",
    SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
    InstanceNumber="0",
    ImageType=("ORIGINAL", "PRIMARY"),
)


def shape(release, offset=None):
    return Shape(release, ENDPOINT, lambda _day, _time: offset)


def resource(release=Release.R4, offset=None, study=STUDY):
    whole = Study(study, (SERIES,), {"1.2.3.4": (INSTANCE,)})
    return imaging_study(whole, shape(release, offset))


def test_a_study_is_named_by_its_uid_and_its_accession_number():
    uid, accession = resource()["identifier"]
    assert uid == {"use": "official", "system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}
    assert accession["value"] == "A1"
    assert accession["type"]["coding"][0]["code"] == "ACSN"


def test_the_patient_is_contained_and_referred_to():
    found = resource()
    assert found["subject"]["reference"] == "#patient"
    assert found["subject"]["identifier"]["system"] == "urn:oid:1.9.9"
    patient = found["contained"][0]
    assert patient["gender"] == "male"
    assert patient["birthDate"] == "1970-01-02"
    assert [one["family"] for one in patient["name"]] == ["Yamada", "山田", "やまだ"]
    assert [one["extension"][0]["valueCode"] for one in patient["name"]] == ["ABC", "IDE", "SYL"]


@pytest.mark.parametrize(
    ("offset", "started"),
    [
        (None, "2024-05-31"),
        (120, "2024-05-31T10:15:00+02:00"),
        (-210, "2024-05-31T10:15:00-03:30"),
    ],
)
def test_a_time_of_day_is_only_told_with_its_zone(offset, started):
    assert resource(offset=offset)["started"] == started


def test_codes_are_codings_in_r4_and_concepts_in_r5():
    assert resource(Release.R4)["modality"][0]["code"] == "CT"
    assert resource(Release.R5)["modality"][0]["coding"][0]["code"] == "CT"
    assert resource(Release.R4)["series"][0]["bodySite"] == {"display": "HEAD"}
    assert resource(Release.R5)["series"][0]["bodySite"] == {"concept": {"text": "HEAD"}}
    assert resource(Release.R4)["series"][0]["laterality"]["code"] == "24028007"


def test_a_negative_series_number_is_left_out_and_zero_is_not():
    series = resource()["series"][0]
    assert "number" not in series
    assert series["instance"][0]["number"] == 0


def test_nothing_empty_is_written():
    found = imaging_study(Study(a_data_set(StudyInstanceUID="1.2.3")), shape(Release.R4))
    assert found == {
        "resourceType": "ImagingStudy",
        "id": "1.2.3",
        "contained": [{"resourceType": "Patient", "id": "patient", "gender": "unknown"}],
        "identifier": [{"use": "official", "system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
        "status": "available",
        "subject": {"reference": "#patient", "type": "Patient"},
        "endpoint": [{"reference": ENDPOINT}],
    }


def test_a_referrer_is_named_as_one_speaks():
    assert resource()["referrer"]["display"] == "Dr. Jane Doe"
