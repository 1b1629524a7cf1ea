"""Extra attributes and requests of series: found by every kind of key, answered, gone in time."""

import dataclasses

import pytest
from ledger_entries import entry, rows

from hilum.dicom.dictionary import tag_of
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import ItemWith, Key
from hilum.dicom.vrs import vr_of
from hilum.ledger.entry import Verdict
from hilum.ledger.extras import Extra, ExtraAttribute, SeriesRequest
from hilum.ledger.search_extras import BUILT_IN
from hilum.query.level import Level
from hilum.query.query import Query, Wanted

ATTRIBUTES = tuple(
    ExtraAttribute(tag_of(keyword), vr_of(tag_of(keyword)), level)
    for keyword, level in (
        ("ProtocolName", Level.SERIES),
        ("AcquisitionDate", Level.IMAGE),
    )
)
LEVELS = {one.tag: one.level for one in (*BUILT_IN, *ATTRIBUTES)}


def extras(**values):
    return tuple(
        Extra(LEVELS[tag_of(keyword)], tag_of(keyword), tuple(text.split("\\")))
        for keyword, text in values.items()
    )


def told(number, *, study=1, requests=(), said=None, **changes):
    made = entry(
        number,
        sop_instance_uid=f"1.{study}.1.{number}",
        study_instance_uid=f"1.{study}",
        series_instance_uid=f"1.{study}.1",
        patient_id=f"P{study}",
        **changes,
    )
    return dataclasses.replace(made, extras=extras(**said or {}), requests=requests)


@pytest.fixture
def known(ledger):
    ledger.search.know(ATTRIBUTES)
    return ledger


def key(keyword, text):
    tag = tag_of(keyword)
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text))


def found(ledger, level, *keys):
    wanted = tuple(Wanted(one.attribute, one.vr) for one in keys)
    answer = ledger.search.find(Query(level, keys, wanted))
    return [match.attributes.text(level.unique_tag) for match in answer.matches], answer


@pytest.mark.parametrize(
    ("keyword", "text", "studies"),
    [
        ("PatientComments", "deaf", ["1.1"]),
        ("PatientComments", "d*", ["1.1", "1.2"]),
        ("PatientComments", "*af", ["1.1"]),
        ("PatientComments", '""', ["1.3"]),
        ("PatientWeight", "70", ["1.1"]),
        ("NameOfPhysiciansReadingStudy", "muller*", ["1.2"]),
        ("NameOfPhysiciansReadingStudy", "buc*\\MÜLLER*", ["1.1", "1.2"]),
    ],
)
def test_studies_are_found_by_what_is_kept_of_them_and_their_patients(
    known, keyword, text, studies
):
    known.record(
        [
            told(1, study=1, said={"PatientComments": "deaf", "PatientWeight": "70.0"}),
            told(2, study=2, said={"PatientComments": "dumb", "PatientWeight": "71"}),
            told(3, study=3),
        ]
    )
    known.record(
        [
            told(4, study=1, said={"NameOfPhysiciansReadingStudy": "Buc^Jérôme"}),
            told(5, study=2, said={"NameOfPhysiciansReadingStudy": "X^Y\\Müller^J"}),
        ]
    )

    uids, answer = found(known, Level.STUDY, key(keyword, text))

    assert sorted(uids) == studies
    assert answer.ignored == ()


def test_all_values_are_answered_in_their_order_and_said_first_stays(known):
    known.record([told(1, said={"ProtocolName": "Zoe\\Abel"})])
    known.record([told(2, said={"ProtocolName": "other"})])

    _, answer = found(known, Level.SERIES, key("ProtocolName", "Abel"))

    assert answer.matches[0].attributes.texts(tag_of("ProtocolName")) == ["Zoe", "Abel"]


def test_an_attribute_of_a_lower_level_is_ignored_above_it(known):
    known.record([told(1, said={"ProtocolName": "Head"})])

    uids, answer = found(known, Level.STUDY, key("ProtocolName", "Spine"))

    assert uids == ["1.1"]
    assert answer.ignored == (tag_of("ProtocolName"),)


def test_of_an_instance_counts_what_its_newest_version_says(known):
    known.record([told(1, said={"AcquisitionDate": "20250101"})])
    newer = told(1, said={"AcquisitionDate": "20260101"}, content=b"new")
    known.record([dataclasses.replace(newer, verdict=Verdict.KEPT_BESIDE)])

    assert found(known, Level.IMAGE, key("AcquisitionDate", "2025.01.01"))[0] == []
    assert found(known, Level.IMAGE, key("AcquisitionDate", "20250601-"))[0] == ["1.1.1.1"]


def test_nothing_of_them_stays_when_their_owners_go(known):
    said = {
        "PatientComments": "deaf",
        "PatientWeight": "70",
        "ProtocolName": "x",
        "AcquisitionDate": "2025",
    }
    made = told(1, said=said, requests=(SeriesRequest("s", "r", "a"),))
    known.record([made])
    assert len(rows(known.path, "SELECT * FROM extra")) == 4

    known.forget([made.path])

    assert rows(known.path, "SELECT * FROM extra") == []
    assert rows(known.path, "SELECT * FROM series_request") == []
    known.record([made])
    assert len(rows(known.path, "SELECT * FROM extra")) == 4


def test_what_was_rolled_back_is_written_again(known):
    def refuse():
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        known.record([told(1, said={"ProtocolName": "Head"})], confirm=refuse)
    known.record([told(1, said={"ProtocolName": "Head"})])

    assert found(known, Level.SERIES, key("ProtocolName", "Head"))[0] == ["1.1.1"]


def item(**texts):
    keys = tuple(key(keyword, text) for keyword, text in texts.items())
    return Key(0x00400275, "SQ", ItemWith(keys))


REQUESTS = (SeriesRequest("S1", "R1", "A1"), SeriesRequest("S2", "R2", ""))


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"ScheduledProcedureStepID": "S2"}, True),
        ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}, True),
        ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R2"}, False),
        ({"RequestedProcedureID": "R*", "AccessionNumber": '""'}, True),
        ({"AccessionNumber": "A9"}, False),
    ],
)
def test_series_are_found_by_one_item_that_answers_all_keys(ledger, asked, is_found):
    ledger.record([told(1, requests=REQUESTS), told(2, study=2)])

    uids, answer = found(ledger, Level.SERIES, item(**asked))

    assert uids == (["1.1.1"] if is_found else [])
    for match in answer.matches:
        items = match.attributes.items(0x00400275)
        assert [one.text(0x00400009) for one in items] == ["S1", "S2"]
        assert [0x00080050 in one for one in items] == [True, False]


def test_requests_that_are_not_kept_in_full_are_said_to_be_ignored(ledger):
    ledger.record([told(1, requests=REQUESTS)])

    uids, answer = found(ledger, Level.SERIES, item(RequestedProcedureDescription="x"))

    assert uids == ["1.1.1"]
    assert answer.ignored == (0x00400275,)


def test_a_series_without_requests_answers_none(ledger):
    ledger.record([told(1)])

    [match] = ledger.search.find(Query(Level.SERIES, everything=True)).matches

    assert 0x00400275 not in match.attributes


def test_requests_come_with_whichever_instance_says_them_first(ledger):
    ledger.record([told(1)])
    ledger.record([told(2, requests=REQUESTS)])
    ledger.record([told(3, requests=(SeriesRequest("S9", "", ""),) * 3)])

    steps = rows(ledger.path, "SELECT scheduled_procedure_step_id FROM series_request")
    assert steps == [("S1",), ("S2",)]
