"""What a question becomes in an identifier, and what is made of a match."""

import pytest

from hilum.destinations.dimse.answering.asking import Ask
from hilum.destinations.dimse.answering.checking import passes, unheeded
from hilum.destinations.dimse.answering.joining import completed, filled, joined
from hilum.destinations.dimse.answering.phrasing import VARIANTS_MAX, said, variants
from hilum.destinations.dimse.answering.steps import UIDS_MAX, steps_of, uid_groups
from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.dicom.match_keys import KeyRules, matching_of
from hilum.dicom.matching import AnyOf, BetweenMoments, EmptyValue, ItemWith, Key, OneOf
from hilum.dicom.vrs import vr_of
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.query.attributes import KEYS
from hilum.query.level import Level, Model
from hilum.query.query import Query, Wanted

NOTHING = FindOptions()
REQUESTS = tag_of("RequestAttributesSequence")
STEP_ID = tag_of("ScheduledProcedureStepID")


def key(tag, text, **rules):
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text, KeyRules(**rules)))


def identifier(*keys, wanted=(), charset="ISO_IR 192", options=NOTHING, level=Level.STUDY, **above):
    ask = Ask(Model.STUDY_ROOT, level, keys, tuple(Wanted(t, vr_of(t)) for t in wanted), **above)
    return ask.identifier(charset, options)


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (tags.PATIENT_ID, "A1", "A1"),
        (tags.PATIENT_ID, "A*", "A*"),
        (tags.PATIENT_NAME, "Müller^J*", "Müller^J*"),
        (tags.PATIENT_NAME, "=山田*", "=山田*"),
        # Archives that count bytes take ? for half a letter: asked wider, and looked at by us.
        (tags.PATIENT_NAME, "M?ller^J?*", "M*ller^J*"),
        (tags.PATIENT_NAME, "????", "????"),
        (tags.STUDY_DESCRIPTION, "Schädel ?", "Schädel *"),
        (tags.PATIENT_ID, "12?4", "12?4"),
        (tags.STUDY_DATE, "20240131", "20240131"),
        (tags.STUDY_DATE, "20240131-", "20240131-"),
        (tags.STUDY_DATE, "-20240131", "-20240131"),
        (tags.STUDY_DATE, "20240101-20240131", "20240101-20240131"),
        (tags.STUDY_TIME, "1015", "101500-101559.999999"),
        (tags.STUDY_TIME, "101500.25", "101500.250000-101500.259999"),
        (tags.STUDY_TIME, "-12", "-125959.999999"),
        (tags.SERIES_NUMBER, "07", "7"),
        (tags.STUDY_INSTANCE_UID, "1.2\\1.3", "1.2\\1.3"),
    ],
)
def test_a_key_is_said_as(tag, text, expected):
    assert [one.text for one in said(key(tag, text), NOTHING)] == [expected]


def test_no_value_is_asked_for_by_asking_without_the_key():
    empty = Key(tags.PATIENT_ID, "LO", EmptyValue())

    assert identifier(empty).raw(tags.PATIENT_ID) == b""
    assert tags.PATIENT_ID in identifier(empty)


def test_sounds_are_asked_for_only_if_that_was_agreed_on():
    sounds = key(tags.PATIENT_NAME, "meier hans", fuzzy_names=True)

    assert [one.text for one in said(sounds, FindOptions(fuzzy_names=True))] == ["meier hans"]
    assert [one.text for one in said(sounds, NOTHING)] == ["*meier*"]


DAYS = BetweenMoments(tags.STUDY_TIME, "20240101220000.000000", "20240103060000.000000")
ONE_DAY = BetweenMoments(tags.STUDY_TIME, "20240101080000.000000", "20240101120000.000000")


@pytest.mark.parametrize(
    ("moments", "options", "expected"),
    [
        (DAYS, FindOptions(combined_moments=True), ["20240101-20240103", "220000-060000"]),
        (DAYS, NOTHING, ["20240101-20240103"]),
        (ONE_DAY, NOTHING, ["20240101", "080000-120000"]),
        (BetweenMoments(tags.STUDY_TIME, "", DAYS.last), NOTHING, ["-20240103"]),
        (
            BetweenMoments(tags.STUDY_TIME, ONE_DAY.first, ONE_DAY.last, 120),
            FindOptions(combined_moments=True, timezone=True),
            ["20240101", "080000-120000", "+0200"],
        ),
        (
            BetweenMoments(tags.STUDY_TIME, ONE_DAY.first, ONE_DAY.last, -90),
            NOTHING,
            ["20231231-20240102"],
        ),
    ],
)
def test_a_date_and_its_time_are_said_together_or_so_that_nothing_is_lost(
    moments, options, expected
):
    assert [one.text for one in said(Key(tags.STUDY_DATE, "DA", moments), options)] == expected


def test_alternatives_become_questions_of_their_own():
    keys = [
        Key(tags.MODALITY, "CS", AnyOf(("CT", "MR"))),
        Key(tags.PATIENT_ID, "LO", OneOf((AnyOf(("A",)), matching_of("LO", "B*")))),
        Key(tags.SOP_CLASS_UID, "UI", AnyOf(("1.2", "1.3"))),
    ]

    found = variants(keys)

    assert [[one.text for k in some for one in said(k, NOTHING)] for some in found] == [
        ["CT", "A", "1.2\\1.3"],
        ["CT", "B*", "1.2\\1.3"],
        ["MR", "A", "1.2\\1.3"],
        ["MR", "B*", "1.2\\1.3"],
    ]


def test_a_key_with_too_many_alternatives_is_left_to_us():
    many = Key(tags.PATIENT_ID, "LO", AnyOf(tuple(map(str, range(VARIANTS_MAX + 1)))))

    assert variants([many, key(tags.MODALITY, "CT")]) == [(key(tags.MODALITY, "CT"),)]


def test_uids_are_asked_for_in_lists_of_bounded_length():
    uids = [f"1.{n}" for n in range(UIDS_MAX + 1)]

    assert [len(some) for some in uid_groups(uids, lists=True)] == [UIDS_MAX, 1]
    assert [len(some) for some in uid_groups(uids[:3], lists=False)] == [1, 1, 1]


def test_an_identifier_has_its_level_the_unique_keys_and_what_is_wanted():
    made = identifier(
        key(tags.MODALITY, "CT"),
        wanted=[tags.SERIES_DESCRIPTION],
        level=Level.SERIES,
        above={Level.STUDY: "1.2"},
    )

    assert made.text(0x00080052) == "SERIES"
    assert made.text(tags.STUDY_INSTANCE_UID) == "1.2"
    assert made.raw(tags.SERIES_INSTANCE_UID) == made.raw(tags.SERIES_DESCRIPTION) == b""
    assert tags.SERIES_INSTANCE_UID in made
    assert tags.SOP_INSTANCE_UID not in made


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        ("ISO_IR 192", "Müller", "ISO_IR 192"),
        ("ISO_IR 100", "Müller", "ISO_IR 100"),
        ("ISO_IR 100", "山田", "ISO_IR 192"),
        ("", "Muller", ""),
        ("", "Müller", "ISO_IR 192"),
    ],
)
def test_a_question_is_written_in_the_set_of_the_peer_unless_that_lacks_a_character(
    charset, name, expected
):
    made = identifier(key(tags.PATIENT_NAME, name), charset=charset)

    assert made.text(tags.SPECIFIC_CHARACTER_SET) == expected
    assert made.text(tags.PATIENT_NAME) == name


def test_keys_and_wishes_for_one_sequence_are_one_item():
    step = Key(REQUESTS, "SQ", ItemWith((Key(STEP_ID, "SH", AnyOf(("S1",))),)))
    wanted = Wanted(REQUESTS, "SQ", (Wanted(0x00401001, "SH"), Wanted(STEP_ID, "SH")))

    made = Ask(Model.STUDY_ROOT, Level.SERIES, (step,), (wanted,)).identifier("", NOTHING)
    (item,) = made.items(REQUESTS)

    assert (item.text(STEP_ID), item.raw(0x00401001), 0x00401001 in item) == ("S1", b"", True)


def test_private_attributes_come_behind_their_creators():
    ones = [PrivateAttribute(0x0029, creator, 0x05) for creator in ("A", "B")]
    keys = [Key(one, "LO", AnyOf((one.creator.lower(),))) for one in ones]

    made = identifier(*keys)

    assert [made.values(0x00290005, creator) for creator in "AB"] == [["a"], ["b"]]


def test_what_does_not_fit_its_vr_is_asked_for_without_it():
    made = identifier(Key(tag_of("Rows"), "US", matching_of("US", "1.5")), level=Level.IMAGE)

    assert made.raw(tag_of("Rows")) == b""


# Steps.


def steps(level, *keys, wanted=(), model=Model.STUDY_ROOT, relational=False, **more):
    query = Query(level, keys, tuple(Wanted(tag, vr_of(tag)) for tag in wanted), **more)
    return steps_of(query, model, relational=relational)


def attributes_of(ones):
    return [one.attribute for one in ones]


def test_each_key_and_wish_is_asked_at_its_level():
    found = steps(
        Level.IMAGE,
        key(tags.PATIENT_ID, "P"),
        key(tags.MODALITY, "CT"),
        key(tags.INSTANCE_NUMBER, "1"),
        wanted=[tags.PATIENT_NAME, tags.SERIES_DESCRIPTION, tags.ROWS],
    )

    assert [(one.level, *map(attributes_of, (one.keys, one.wanted))) for one in found] == [
        (Level.STUDY, [tags.PATIENT_ID], [tags.PATIENT_NAME]),
        (Level.SERIES, [tags.MODALITY], [tags.SERIES_DESCRIPTION]),
        (Level.IMAGE, [tags.INSTANCE_NUMBER], [tags.ROWS]),
    ]


def test_patients_are_a_step_of_their_own_model():
    found = steps(Level.STUDY, key(tags.PATIENT_ID, "P"), model=Model.PATIENT_ROOT)

    assert [(s.level, s.uids, s.is_known) for s in found] == [
        (Level.PATIENT, ("P",), True),
        (Level.STUDY, (), False),
    ]


def test_a_relational_question_is_one_step_below_what_it_names():
    series = (key(tags.PATIENT_ID, "P"), key(tags.MODALITY, "CT"))

    assert len(steps(Level.IMAGE, *series, relational=True)) == 1
    named = steps(Level.IMAGE, *series, key(tags.STUDY_INSTANCE_UID, "1.2"), relational=True)
    assert [(s.level, len(s.keys)) for s in named] == [(Level.STUDY, 0), (Level.IMAGE, 2)]


def test_everything_is_what_the_tables_have_of_a_level():
    (step,) = steps(Level.STUDY, everything=True)
    asked = {one.attribute for one in step.wanted}

    assert {tags.PATIENT_NAME, tags.STUDY_DESCRIPTION, tags.ACCESSION_NUMBER} <= asked
    assert asked <= {*KEYS[Level.STUDY], *KEYS[Level.PATIENT]}


# Matches.


def match(charset="", **attributes):
    builder = DataSetBuilder(charset)
    for keyword, text in attributes.items():
        builder.texts(tag_of(keyword), *([text] if text else []))
    return builder.data_set


def test_what_a_match_says_must_answer_the_key_and_silence_does_not():
    modality = key(tags.MODALITY, "CT")

    assert passes([modality], match(Modality="CT"))
    assert not passes([modality], match(Modality="MR"))
    assert passes([modality], match(Modality=""))
    assert passes([modality], match())
    assert unheeded([modality], [match(Modality=""), match()]) == (modality,)
    assert unheeded([modality], [match(Modality="CT"), match()]) == ()


def test_a_key_for_no_value_is_answered_by_an_empty_attribute():
    empty = Key(tags.MODALITY, "CS", EmptyValue())

    assert passes([empty], match(Modality=""))
    assert not passes([empty], match(Modality="CT"))
    assert unheeded([empty], [match(Modality="")]) == ()


def test_what_is_known_of_the_parent_is_added_whatever_its_character_set():
    child = match("ISO_IR 100", SeriesDescription="Schädel", PatientID="")
    parent = match("ISO_IR 192", PatientName="山田^太郎", PatientID="P1", SeriesDescription="x")

    whole = joined(child, parent)

    assert whole.text(tags.PATIENT_NAME) == "山田^太郎"
    assert whole.text(tags.SERIES_DESCRIPTION) == "Schädel"
    assert whole.text(tags.PATIENT_ID) == "P1"


def test_plain_texts_of_a_parent_leave_the_bytes_of_a_match_alone():
    child = match("ISO_IR 100", SeriesDescription="Schädel")

    whole = joined(child, match("ISO_IR 192", PatientID="P1"))

    assert whole.text(tags.SPECIFIC_CHARACTER_SET) == "ISO_IR 100"
    assert whole.text(tags.SERIES_DESCRIPTION) == "Schädel"


def test_unique_keys_that_a_match_leaves_out_are_those_it_was_found_below_of():
    above = {Level.PATIENT: "Ä1", Level.STUDY: "1.2"}

    whole = completed(match("ISO_IR 144", SeriesDescription="Щука"), above, None)

    assert [whole.text(level.unique_tag) for level in above] == ["Ä1", "1.2"]
    assert whole.text(tags.SERIES_DESCRIPTION) == "Щука"


def test_what_is_wanted_and_not_known_is_empty():
    whole = filled(match(), [Wanted(tags.MODALITY, "CS"), Wanted(REQUESTS, "SQ")])

    assert (whole.elements[tags.MODALITY], whole.elements[REQUESTS]) == (("CS", b""), ("SQ", []))
