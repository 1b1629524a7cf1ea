import pytest
from ledger_entries import change, entry, rows

from hilum.ledger import catalogue
from hilum.ledger.entry import Verdict
from hilum.ledger.ledger import Ledger

CONFLICTS = "SELECT level, uid, attribute, kept, seen, sop_instance_uid FROM conflict ORDER BY id"


def test_instances_of_one_series_share_their_rows(ledger):
    ledger.record([entry(1), entry(2)])
    ledger.record([entry(3)])

    counts = ledger.counts()
    assert (counts.patients, counts.studies, counts.series, counts.instances) == (1, 1, 1, 3)


def test_one_patient_has_several_studies(ledger):
    ledger.record([entry(1), entry(2, study_instance_uid="1.9", series_instance_uid="1.9.1")])

    counts = ledger.counts()
    assert (counts.patients, counts.studies) == (1, 2)


def test_the_same_id_of_another_issuer_is_another_patient(ledger):
    ledger.record([entry(1), entry(2, study_instance_uid="1.9", issuer_of_patient_id="B")])

    assert ledger.counts().patients == 2


def test_patients_without_id_are_never_taken_for_one_another(ledger):
    ledger.record(
        [
            entry(1, patient_id=""),
            entry(2, patient_id=""),
            entry(3, patient_id="", study_instance_uid="1.9"),
        ]
    )

    counts = ledger.counts()
    assert (counts.patients, counts.studies) == (2, 2)


def test_a_series_uid_in_two_studies_is_two_series(ledger):
    ledger.record([entry(1), entry(2, study_instance_uid="1.9")])

    assert ledger.counts().series == 2


@pytest.mark.parametrize(
    ("changes", "conflict"),
    [
        ({"patient_id": "P2"}, ("study", "1.2.3", "PatientID", "P1", "P2")),
        ({"patient_id": ""}, ("study", "1.2.3", "PatientID", "P1", "")),
        ({"patient_name": "X"}, ("patient", "1.2.3", "PatientName", "DOE^JANE", "X")),
        ({"study_description": "X"}, ("study", "1.2.3", "StudyDescription", "HEAD", "X")),
        ({"modality": "MR"}, ("series", "1.2.3.4", "Modality", "CT", "MR")),
        ({"series_number": 3}, ("series", "1.2.3.4", "SeriesNumber", "2", "3")),
    ],
)
def test_the_first_value_is_kept_and_the_other_recorded(ledger, path, changes, conflict):
    ledger.record([entry(1)])
    ledger.record([entry(2, **changes), entry(3, **changes)])
    ledger.record([entry(4, **changes), entry(5)])

    assert rows(path, CONFLICTS) == [(*conflict, "1.2.3.4.2")]


def test_a_conflict_is_recorded_once_over_restarts(ledger, path):
    ledger.record([entry(1), entry(2, modality="MR")])
    ledger.close()

    again = Ledger.open(path, durability="process")
    again.record([entry(3, modality="MR")])

    assert again.counts().conflicts == 1
    again.close()


def test_every_value_is_a_conflict_of_its_own_up_to_a_limit(ledger):
    numbers = range(2 * catalogue.CONFLICTS_PER_ATTRIBUTE_MAX)
    ledger.record([entry(number, series_time=f"12{number:04}") for number in numbers])

    assert ledger.counts().conflicts == catalogue.CONFLICTS_PER_ATTRIBUTE_MAX


def test_a_conflict_between_studies_of_a_patient_names_the_study(ledger, path):
    ledger.record([entry(1)])
    ledger.record([entry(2, study_instance_uid="1.9", patient_name="ROE^JANE")])

    conflict = ("patient", "1.9", "PatientName", "DOE^JANE", "ROE^JANE", "1.2.3.4.2")
    assert rows(path, CONFLICTS) == [conflict]


def test_what_the_first_instance_did_not_say_is_filled_in(ledger, path):
    ledger.record([entry(1, patient_sex="", accession_number="", station_name="")])
    ledger.record([entry(2, patient_sex="F", accession_number="A1", station_name="CT7")])

    assert rows(path, "SELECT patient_sex FROM patient") == [("F",)]
    assert rows(path, "SELECT accession_number FROM study") == [("A1",)]
    assert rows(path, "SELECT station_name FROM series") == [("CT7",)]
    assert ledger.counts().conflicts == 0


def test_a_patient_is_not_completed_from_somebody_else(ledger, path):
    ledger.record([entry(1, patient_sex="")])
    ledger.record([entry(2, patient_id="P2", patient_sex="F")])

    assert rows(path, "SELECT patient_id, patient_sex FROM patient") == [("P1", "")]


def test_an_instance_that_moves_to_another_study_takes_its_place_along(ledger, path):
    ledger.record([entry(1)])
    moved = {"study_instance_uid": "1.9", "series_instance_uid": "1.9.1"}

    ledger.record([entry(1, content=b"other", verdict=Verdict.KEPT_BESIDE, **moved)])

    assert rows(path, "SELECT study_instance_uid FROM study") == [("1.9",)]
    assert rows(path, CONFLICTS) == [
        ("instance", "1.2.3.4.1", "StudyInstanceUID", "1.2.3", "1.9", "1.2.3.4.1"),
        ("instance", "1.2.3.4.1", "SeriesInstanceUID", "1.2.3.4", "1.9.1", "1.2.3.4.1"),
    ]
    assert ledger.check() == []


def test_two_instances_may_swap_their_series_in_one_group(ledger):
    ledger.record([entry(1, series_instance_uid="1.1"), entry(2, series_instance_uid="1.2")])

    ledger.record(
        [
            entry(1, series_instance_uid="1.2", content=b"n", verdict=Verdict.KEPT_BESIDE),
            entry(2, series_instance_uid="1.1", content=b"n", verdict=Verdict.KEPT_BESIDE),
        ]
    )

    assert ledger.counts().series == 2
    assert ledger.check() == []


def test_rows_that_another_process_removed_are_made_again(ledger, path):
    ledger.record([entry(1)])
    for table in ("payload", "instance", "series", "study", "patient"):
        change(path, f"DELETE FROM {table}")

    [recorded] = ledger.record([entry(2)])

    assert recorded.verdict is Verdict.KEPT
    assert ledger.check() == []
    assert ledger.counts().studies == 1


def test_row_numbers_are_not_given_twice(ledger, path):
    """A worker that remembers a removed row must get an error, not somebody else's study."""
    ledger.record([entry(1)])
    other = Ledger.open(path, durability="process")
    for table in ("payload", "instance", "series", "study", "patient"):
        change(path, f"DELETE FROM {table}")
    other.record([entry(9, study_instance_uid="1.9", patient_id="P9")])

    ledger.record([entry(2)])

    found = "SELECT sop_instance_uid, study_instance_uid, patient_id FROM instance"
    joins = "JOIN series s ON s.id = series_row JOIN study t ON t.id = study_row"
    stored = rows(path, f"{found} {joins} JOIN patient p ON p.id = patient_row")
    assert sorted(stored) == [("1.2.3.4.2", "1.2.3", "P1"), ("1.2.3.4.9", "1.9", "P9")]
    other.close()


def test_what_a_rolled_back_group_made_is_not_remembered(ledger, monkeypatch):
    ledger.record([entry(8)])
    with monkeypatch.context() as patch:
        patch.setattr("hilum.ledger.recording._recorded", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.record([entry(1, study_instance_uid="1.9")])

    ledger.record([entry(1, study_instance_uid="1.9")])

    assert ledger.counts().studies == 2
    assert ledger.check() == []


def test_more_studies_than_are_remembered_are_no_trouble(ledger, monkeypatch):
    monkeypatch.setattr(ledger._recorder._catalogue._studies, "_size_max", 2)
    monkeypatch.setattr(ledger._recorder._catalogue._series, "_size_max", 2)

    for number in range(12):
        ledger.record([entry(number, study_instance_uid=f"1.{number % 4}")])

    assert (ledger.counts().studies, ledger.counts().instances) == (4, 12)
