import pytest

from hilum.fhir.outcome import Refused
from hilum.fhir.release import Release, release_of
from hilum.fhir.search import COUNT_MAX, search_of


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ({"identifier": "urn:dicom:uid|urn:oid:1.2.3"}, {"StudyInstanceUID": "1.2.3"}),
        ({"identifier": "A1"}, {"AccessionNumber": "A1"}),
        ({"identifier": "|A1"}, {"AccessionNumber": "A1"}),
        ({"_id": "1.2.3"}, {"StudyInstanceUID": "1.2.3"}),
        ({"patient": "Patient/P1"}, {"PatientID": "P1"}),
        (
            {"patient.identifier": "urn:oid:1.9|P1"},
            {"PatientID": "P1", "IssuerOfPatientID": "1.9"},
        ),
        ({"started": "2024-05-31"}, {"StudyDate": "20240531"}),
        ({"started": "2024-02"}, {"StudyDate": "20240201-20240229"}),
        ({"started": "ge2024-05-31"}, {"StudyDate": "20240531-"}),
        ({"started": "le2024"}, {"StudyDate": "-20241231"}),
        ({"started": "gt2024-05-31"}, {"StudyDate": "20240601-"}),
        ({"started": "sa2023"}, {"StudyDate": "20240101-"}),
        ({"started": "eb2024-03"}, {"StudyDate": "-20240229"}),
        ({"started": "gt9999-12-31"}, {"StudyDate": "99991231-"}),
        ({"started": "lt2024-05-31T10:00"}, {"StudyDate": "-20240531"}),
        ({"identifier": r"A1,A2\,3"}, {"AccessionNumber": "A1\\A2,3"}),
        ({"identifier": "urn:oid:1.2,urn:oid:1.3"}, {"StudyInstanceUID": "1.2,1.3"}),
        ({"patient": "Patient/P1,P2"}, {"PatientID": "P1\\P2"}),
        ({"patient:Patient.identifier": "P1"}, {"PatientID": "P1"}),
        (
            {"patient.identifier": "urn:oid:1.9|P1,urn:oid:1.9|P2"},
            {"PatientID": "P1\\P2", "IssuerOfPatientID": "1.9"},
        ),
        ({"patient.name": "doe,roe"}, {"PatientName": "doe*\\roe*"}),
        ({"started": "ge2024-05-31T10:00:00Z"}, {"StudyDate": "20240531-"}),
        ({"modality": "http://dicom.nema.org/x|CT,MR"}, {"ModalitiesInStudy": "CT,MR"}),
        ({"series": "urn:oid:1.2"}, {"SeriesInstanceUID": "1.2"}),
    ],
)
def test_parameters_become_keys(parameters, keys):
    assert search_of(parameters.items()).keys == keys


def test_limits_on_both_sides_are_one_range():
    search = search_of([("started", "ge2024-01-01"), ("started", "lt2024-02-01")])
    assert search.keys == {"StudyDate": "20240101-20240131"}


@pytest.mark.parametrize(
    "parameters",
    [
        [("status", "cancelled")],
        [("started", "ge2025"), ("started", "le2024")],
        [("_id", "1.2"), ("identifier", "urn:oid:1.3")],
        [("identifier", "http://hospital.example.org|A1")],
    ],
)
def test_what_nothing_can_answer_is_empty(parameters):
    assert search_of(parameters).is_empty


@pytest.mark.parametrize(
    "parameters",
    [
        [("started", "yesterday")],
        [("_id", "x/y")],
        [("_count", "-1")],
        [("started", "2024-13")],
        [("patient.identifier", "a|P1,b|P2")],
        [("modality:not", "CT")],
    ],
)
def test_what_has_no_meaning_is_refused_by_its_name_alone(parameters):
    with pytest.raises(Refused) as refused:
        search_of(parameters)
    assert refused.value.status == 400
    assert parameters[0][1] not in str(refused.value)


def test_what_is_not_known_is_told_of_or_refused():
    assert search_of([("bodysite", "x")]).ignored == ["bodysite"]
    with pytest.raises(Refused):
        search_of([("bodysite", "x")], is_strict=True)


@pytest.mark.parametrize("name", ["_sort", "_lastUpdated", "_include"])
def test_what_would_change_which_studies_come_and_is_not_done_is_told(name):
    assert search_of([(name, "x")]).ignored == [name]


def test_a_page_of_none_is_how_many_there_are():
    assert search_of([("_count", "0")]).only_total


def test_a_page_has_an_end():
    assert search_of([("_count", "99999")]).count == COUNT_MAX


@pytest.mark.parametrize(
    ("accept", "formats", "release"),
    [
        ("", (), Release.R4),
        ("application/fhir+json; fhirVersion=5.0", (), Release.R5),
        ("application/fhir+json;fhirVersion=4.0", (), Release.R4),
        ("text/html", ("application/fhir+json; fhirVersion=5.0",), Release.R5),
        ("*/*", ("json",), Release.R4),
    ],
)
def test_the_release_is_what_the_client_names(accept, formats, release):
    assert release_of(accept, formats) is release


@pytest.mark.parametrize(
    "accept", ["application/fhir+xml", "application/fhir+json;fhirVersion=3.0"]
)
def test_what_is_not_spoken_is_refused(accept):
    with pytest.raises(Refused) as refused:
        release_of(accept, ())
    assert refused.value.status == 406
