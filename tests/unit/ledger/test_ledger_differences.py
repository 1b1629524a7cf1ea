import pytest

from hilum.ledger.differences import Difference, compare, contradictions, keyword_of


def test_what_was_said_first_is_kept_and_the_other_value_told():
    comparison = compare(("study_date",), ("20260101",), ("20260102",))

    assert comparison.kept == ("20260101",)
    assert comparison.differences == (Difference("StudyDate", "20260101", "20260102"),)


@pytest.mark.parametrize("empty", ["", None])
def test_what_was_not_said_is_filled_in(empty):
    comparison = compare(("series_number",), (empty,), (5,))

    assert comparison.kept == (5,)
    assert comparison.differences == ()


@pytest.mark.parametrize("empty", ["", None])
def test_saying_nothing_contradicts_nothing(empty):
    comparison = compare(("study_date",), ("20260101",), (empty,))

    assert comparison.kept == ("20260101",)
    assert comparison.differences == ()


def test_saying_nothing_does_contradict_an_identity():
    assert contradictions(("patient_id",), ("P1",), ("",)) == (Difference("PatientID", "P1", ""),)


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("patient_id", "PatientID"),
        ("issuer_of_patient_id", "IssuerOfPatientID"),
        ("sop_class_uid", "SOPClassUID"),
        ("series_instance_uid", "SeriesInstanceUID"),
        ("performed_station_ae_title", "PerformedStationAETitle"),
    ],
)
def test_a_field_has_the_keyword_of_its_attribute(name, keyword):
    assert keyword_of(name) == keyword
