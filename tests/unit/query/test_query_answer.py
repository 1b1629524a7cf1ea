"""Answers: of one answerer, of several, for one door and the other."""

import json

from hypothesis import given
from hypothesis import strategies as st
from merged_answers import Answer, merge

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.json_writer import to_json
from hilum.query.answer import identifier_of, result_of
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.merge import wanted_of_each
from hilum.query.parameters import query_of_parameters
from hilum.query.query import Query, Wanted

REQUEST = 0x00400275
STEP_ID = 0x00400009
RETRIEVE_AE_TITLE = 0x00080054


def study(uid="1.2", charset="ISO_IR 144", name="Иванов^Пётр"):
    builder = DataSetBuilder(charset)
    step = builder.item().texts(STEP_ID, "S1").texts(0x00400007, "голова").data_set
    return Match(
        Level.STUDY,
        builder.texts(tags.STUDY_INSTANCE_UID, uid)
        .texts(tags.PATIENT_NAME, name)
        .texts(tags.PATIENT_ID, "P1")
        .texts(0x00080061, "CT", "SR")
        .numbers(0x00201208, 12)
        .items(REQUEST, step)
        .texts(0x00090010, "ACME")
        .texts(0x00091002, "x", vr="LO")
        .data_set,
    )


def query(*wanted, charset="", **options):
    return Query(Level.STUDY, wanted=wanted, charset=charset, **options)


def answered(question, match=None):
    return identifier_of(question, match or study(), retrieve_ae_title="HILUM")


def test_an_identifier_has_what_was_asked_and_what_the_standard_adds():
    answer = answered(query(Wanted(tags.PATIENT_ID, "LO"), Wanted(tags.STUDY_DATE, "DA")))

    assert answer.text(tags.PATIENT_ID) == "P1"
    assert answer.elements[tags.STUDY_DATE] == ("DA", b"")
    assert answer.uid(tags.STUDY_INSTANCE_UID) == "1.2"
    assert answer.text(0x00080052) == "STUDY"
    assert answer.text(RETRIEVE_AE_TITLE) == "HILUM"
    assert answer.text(0x00080056) == "ONLINE"
    assert set(answer) == {
        0x00080052, 0x00080054, 0x00080056,
        tags.STUDY_DATE, tags.PATIENT_ID, tags.STUDY_INSTANCE_UID,
    }  # fmt: skip


def test_the_character_set_of_the_question_is_used_if_it_has_the_answer():
    wanted = Wanted(tags.PATIENT_NAME, "PN")

    in_cyrillic = answered(query(wanted, charset="ISO_IR 144"))
    in_latin = answered(query(wanted, charset="ISO_IR 100"))

    assert in_cyrillic.raw(tags.PATIENT_NAME) == "Иванов^Пётр".encode("iso8859_5")
    assert in_latin.text(tags.SPECIFIC_CHARACTER_SET) == "ISO_IR 192"
    assert in_latin.text(tags.PATIENT_NAME) == "Иванов^Пётр"


def test_of_a_sequence_only_what_was_asked_is_told():
    step = Wanted(STEP_ID, "SH")
    some = answered(query(Wanted(REQUEST, "SQ", (step, Wanted(0x00401001, "SH")))))
    whole = answered(query(Wanted(REQUEST, "SQ")))
    none = answered(query(Wanted(0x00081032, "SQ", (step,))))

    assert some.items(REQUEST)[0].elements == {
        STEP_ID: ("SH", b"S1"),
        0x00401001: ("SH", b""),
    }
    assert whole.items(REQUEST)[0].text(0x00400007) == "голова"
    assert none.elements[0x00081032] == ("SQ", [])


def test_a_private_attribute_is_answered_with_its_creator():
    answer = answered(query(Wanted(PrivateAttribute(0x0009, "ACME", 2), "LO")))
    absent = answered(query(Wanted(PrivateAttribute(0x0009, "OTHER", 2), "LO")))

    assert answer.values_at('(0009,"ACME",02)') == ["x"]
    assert absent.has('(0009,"OTHER",02)')


def test_a_result_is_in_utf_8_with_its_address():
    search = query_of_parameters(
        Level.STUDY, [("includefield", "00400275.00400009")], resource={}, limit_max=10
    )

    result = result_of(search.query, study(), retrieve_url="http://localhost/studies/1.2")

    found = json.loads(to_json(result))
    assert found["00100010"]["Value"] == [{"Alphabetic": "Иванов^Пётр"}]
    assert found["00081190"] == {"vr": "UR", "Value": ["http://localhost/studies/1.2"]}
    assert found["00080020"] == {"vr": "DA"}
    assert found["00400275"]["Value"] == [{"00400009": {"vr": "SH", "Value": ["S1"]}}]
    assert found["00201208"]["Value"] == [12]


def test_everything_is_everything_that_is_known():
    result = result_of(query(everything=True), study(), retrieve_url="")

    assert result.text(0x00091002) == "x"
    assert result.items(REQUEST)[0].text(0x00400007) == "голова"
    assert 0x00081190 not in result


def test_the_first_answerer_wins_and_the_order_stays():
    ours = Answer("", [study("1.1", name="A"), study("1.2", name="B")])
    theirs = Answer("cloud", [study("1.2", name="other"), study("1.3", name="C")])

    page = merge([ours, theirs])

    assert [match.attributes.text(tags.PATIENT_NAME) for match in page.matches] == ["A", "B", "C"]
    assert (page.remaining, page.has_more, page.warnings) == (0, False, ())


def test_who_was_late_is_told_and_what_the_others_have_is_not_lost():
    page = merge([Answer("cloud", [], reason="no answer within 10 s"), Answer("", [study()])])

    assert len(page.matches) == 1
    assert page.warnings == ("cloud: no answer within 10 s",)
    assert not page.is_complete


def test_patients_of_different_issuers_are_different():
    def patient(issuer):
        builder = DataSetBuilder().texts(tags.PATIENT_ID, "1")
        return Match(Level.PATIENT, builder.texts(tags.ISSUER_OF_PATIENT_ID, issuer).data_set)

    assert len(merge([Answer("", [patient("A"), patient("B"), patient("A")])]).matches) == 2


@given(
    answers=st.lists(st.lists(st.integers(0, 20), max_size=12, unique=True), max_size=3),
    limit=st.integers(1, 5),
)
def test_pages_have_every_match_once(answers, limit):
    lists = [[study(f"1.{number}") for number in numbers] for numbers in answers]
    whole = merge([Answer(str(at), matches) for at, matches in enumerate(lists)])
    paged = []
    offset = 0
    while True:
        enough = wanted_of_each(offset=offset, limit=limit)
        page = merge(
            [
                Answer(str(at), matches[:enough], has_more=len(matches) > enough)
                for at, matches in enumerate(lists)
            ],
            offset=offset,
            limit=limit,
        )
        paged += page.matches
        offset += limit
        if not page.has_more:
            break

    assert {match.identity for match in paged} == {match.identity for match in whole.matches}
    assert len(whole.matches) == len({match.identity for match in whole.matches})


def test_a_study_without_a_modality_does_not_say_so():
    match = study()
    del match.attributes.elements[0x00080061]
    asked = query(Wanted(0x00080061, "CS"), Wanted(tags.STUDY_DATE, "DA"))

    assert 0x00080061 not in result_of(asked, match, retrieve_url="")
    assert tags.STUDY_DATE in result_of(asked, match, retrieve_url="")
