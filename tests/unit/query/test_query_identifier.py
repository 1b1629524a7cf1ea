"""Identifiers of C-FIND as questions."""

import pytest

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.matching import AnyOf, Between, BetweenMoments, ItemWith, Key, Like, NameSounds
from hilum.query.identifier import BadIdentifier, Negotiated, query_of_identifier
from hilum.query.level import Level, Model, model_of
from hilum.query.query import Wanted

LEVEL = 0x00080052
REQUEST = 0x00400275
STEP_ID = 0x00400009
STUDY = "1.2.3"


def identifier(level, charset="", **texts):
    builder = DataSetBuilder(charset).texts(LEVEL, level)
    for name, text in texts.items():
        tag = getattr(tags, name)
        builder.texts(tag, text) if text else builder.empty(tag)
    return builder


def query_of(builder, model=Model.STUDY_ROOT, **negotiated):
    return query_of_identifier(builder.data_set, model, Negotiated(**negotiated))


def test_what_has_a_value_is_looked_for_and_everything_is_told():
    query = query_of(
        identifier("STUDY ", "ISO_IR 100", PATIENT_NAME="Mü*", STUDY_DATE="20240101-", MODALITY="")
    )

    assert query.level == Level.STUDY
    assert [key.attribute for key in query.keys] == [tags.STUDY_DATE, tags.PATIENT_NAME]
    assert query.key(tags.STUDY_DATE).matching == Between("DA", "20240101", "")
    assert Wanted(tags.STUDY_DATE, "DA") in query.wanted
    assert query.charset == "ISO_IR 100"


def test_a_sequence_asks_for_one_item_that_has_all():
    builder = identifier("SERIES", STUDY_INSTANCE_UID=STUDY)
    item = builder.item().texts(STEP_ID, "S*").empty(0x00401001).data_set

    query = query_of(builder.items(REQUEST, item))

    key = Key(STEP_ID, "SH", Like("S*"))
    assert query.key(REQUEST).matching == ItemWith((key,))
    inner = (Wanted(STEP_ID, "SH"), Wanted(0x00401001, "SH"))
    assert Wanted(REQUEST, "SQ", inner) in query.wanted


def test_a_sequence_without_item_or_with_an_empty_one_matches_everything():
    for items in ((), (DataSetBuilder().data_set,)):
        query = query_of(identifier("STUDY").items(0x00081032, *items))

        assert query.keys == ()
        assert query.wanted == (Wanted(0x00081032, "SQ"),)


def test_a_private_attribute_goes_by_its_creator():
    builder = identifier("STUDY").texts(0x00090011, "ACME").texts(0x00091102, "x", vr="LO")

    query = query_of(builder)

    assert query.keys == (Key(PrivateAttribute(0x0009, "ACME", 2), "LO", AnyOf(("x",))),)


def test_a_date_and_a_time_are_one_moment_when_that_was_agreed_on():
    builder = identifier("STUDY", STUDY_DATE="20240101-20240102", STUDY_TIME="2200-0600")
    builder.texts(tags.TIMEZONE_OFFSET_FROM_UTC, "+0100")
    first, last = "20240101220000.000000", "20240102060059.999999"

    with pytest.raises(BadIdentifier, match=r"\(0008,0030\) its range ends before it begins"):
        query_of(identifier("STUDY", STUDY_TIME="2200-0600"))
    builder.texts(tags.STUDY_TIME, "0600-2200")
    apart = query_of(builder)
    together = query_of(builder, combined_moments=True, timezone=True)

    assert len(apart.keys) == 2
    assert together.keys == (
        Key(
            tags.STUDY_DATE,
            "DA",
            BetweenMoments(tags.STUDY_TIME, "20240101060000.000000", "20240102220059.999999", 60),
        ),
    )
    assert first < last


def test_names_are_looked_for_by_sound_when_that_was_agreed_on():
    query = query_of(identifier("STUDY", PATIENT_NAME="Meyer"), fuzzy_names=True)

    assert query.key(tags.PATIENT_NAME).matching == NameSounds("Meyer")


@pytest.mark.parametrize("name", ["Mey*", "*eye*", "M?yer"])
def test_wild_cards_are_kept_where_names_are_looked_for_by_sound(name):
    agreed, plain = (
        query_of(identifier("STUDY", PATIENT_NAME=name), fuzzy_names=fuzzy)
        for fuzzy in (True, False)
    )

    assert agreed.key(tags.PATIENT_NAME).matching == plain.key(tags.PATIENT_NAME).matching


@pytest.mark.parametrize(
    ("model", "level", "uids", "missing"),
    [
        (Model.STUDY_ROOT, "SERIES", {}, tags.STUDY_INSTANCE_UID),
        (Model.STUDY_ROOT, "SERIES", {"STUDY_INSTANCE_UID": ""}, tags.STUDY_INSTANCE_UID),
        (Model.STUDY_ROOT, "SERIES", {"STUDY_INSTANCE_UID": "1\\2"}, tags.STUDY_INSTANCE_UID),
        (Model.STUDY_ROOT, "IMAGE", {"STUDY_INSTANCE_UID": "1"}, tags.SERIES_INSTANCE_UID),
        (Model.PATIENT_ROOT, "STUDY", {}, tags.PATIENT_ID),
        (Model.PATIENT_ROOT, "STUDY", {"PATIENT_ID": "P*"}, tags.PATIENT_ID),
    ],
)
def test_unique_keys_above_the_level_are_needed_unless_relations_are(model, level, uids, missing):
    with pytest.raises(BadIdentifier) as refused:
        query_of(identifier(level, **uids), model)

    assert (refused.value.tag, refused.value.status) == (missing, 0xA900)
    assert len(str(refused.value)) <= 80
    assert query_of(identifier(level, **uids), model, relational=True).relational


@pytest.mark.parametrize(
    ("model", "level"),
    [
        (Model.STUDY_ROOT, "PATIENT"),
        (Model.STUDY_ROOT, ""),
        (Model.STUDY_ROOT, "WORKLIST"),
        (Model.PATIENT_STUDY_ONLY, "SERIES"),
    ],
)
def test_a_level_that_the_model_has_not_is_refused(model, level):
    with pytest.raises(BadIdentifier) as refused:
        query_of(identifier(level), model)

    assert refused.value.tag == LEVEL


def test_a_key_without_meaning_is_refused_by_its_name_and_not_its_value():
    with pytest.raises(BadIdentifier, match=r"\(0008,0020\)") as refused:
        query_of(identifier("STUDY", STUDY_DATE="Smith"))

    assert "Smith" not in str(refused.value)


def test_several_items_in_a_sequence_are_refused():
    builder = identifier("STUDY")
    item = builder.item().texts(STEP_ID, "S1").data_set

    with pytest.raises(BadIdentifier, match="one item"):
        query_of(builder.items(REQUEST, item, item))


def test_what_lies_below_the_level_is_answered_empty_and_said_to_be_unsupported():
    query = query_of(identifier("STUDY", SERIES_NUMBER="3", INSTANCE_NUMBER=""))

    assert query.keys == ()
    assert query.unsupported == (tags.SERIES_NUMBER, tags.INSTANCE_NUMBER)
    assert Wanted(tags.SERIES_NUMBER, "IS") in query.wanted


def test_modality_of_a_study_means_the_modalities_in_it():
    query = query_of(identifier("STUDY", MODALITY="CT"))

    assert query.keys == (Key(0x00080061, "CS", AnyOf(("CT",))),)


def test_unique_values_are_found_by_level_and_an_access_policy_may_narrow():
    query = query_of(identifier("STUDY", STUDY_INSTANCE_UID="1.2\\1.3"))

    assert query.uids(Level.STUDY) == ("1.2", "1.3")
    assert query.uids(Level.SERIES) == ()
    policy = Key(0x00080080, "LO", AnyOf(("North",)))
    assert query.narrowed(policy).keys == (*query.keys, policy)


def test_models_are_known_by_their_sop_classes():
    assert model_of("1.2.840.10008.5.1.4.1.2.2.1") is Model.STUDY_ROOT
    assert model_of(Model.PATIENT_ROOT.move_uid) is Model.PATIENT_ROOT
    assert model_of(Model.PATIENT_STUDY_ONLY.get_uid) is Model.PATIENT_STUDY_ONLY
    assert model_of("1.2.840.10008.5.1.4.1.2.4.2") is None
    assert model_of("1.2.840.10008.5.1.4.31") is None
