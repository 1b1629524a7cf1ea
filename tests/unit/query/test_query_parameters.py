"""Parameters of searches as questions."""

import pytest

from hilum.dicom import tags
from hilum.dicom.attribute_path import PrivateAttribute
from hilum.dicom.matching import (
    AnyOf,
    Between,
    BetweenMoments,
    EmptyValue,
    ItemWith,
    Key,
    Like,
    NameIs,
    NameSounds,
)
from hilum.query.attributes import DEFAULTS
from hilum.query.level import Level
from hilum.query.parameters import BadParameter, query_of_parameters
from hilum.query.query import Wanted

STUDY = {Level.STUDY: "1.2"}
REQUEST = 0x00400275


def search(*parameters, level=Level.STUDY, resource=None, limit_max=1000):
    return query_of_parameters(level, parameters, resource=resource or {}, limit_max=limit_max)


def query_of(*parameters, **options):
    found = search(*parameters, **options)
    assert found.warnings == ()
    return found.query


@pytest.mark.parametrize(
    ("name", "value", "attribute", "matching"),
    [
        ("PatientID", "P1", tags.PATIENT_ID, AnyOf(("P1",))),
        ("00100020", "P1", tags.PATIENT_ID, AnyOf(("P1",))),
        ("StudyDate", "20240101-20240131", tags.STUDY_DATE, Between("DA", "20240101", "20240131")),
        (
            "StudyInstanceUID",
            "1.2,1.3",
            tags.STUDY_INSTANCE_UID,
            AnyOf(("1.2", "1.3")),
        ),
        ("StudyInstanceUID", "1.2\\1.3", tags.STUDY_INSTANCE_UID, AnyOf(("1.2", "1.3"))),
        ("ModalitiesInStudy", "CT,MR", 0x00080061, AnyOf(("CT", "MR"))),
        ("Modality", "CT", 0x00080061, AnyOf(("CT",))),
        ("StudyDescription", "a, b*", tags.STUDY_DESCRIPTION, Like("a, b*")),
        ("PatientName", "Mül*", tags.PATIENT_NAME, NameIs(("mul*", "", ""), any_group=True)),
        ("AccessionNumber", '""', tags.ACCESSION_NUMBER, EmptyValue()),
    ],
)
def test_a_parameter_is_a_key(name, value, attribute, matching):
    assert [(key.attribute, key.matching) for key in query_of((name, value)).keys] == [
        (attribute, matching)
    ]


def test_paths_into_one_sequence_ask_for_one_item():
    query = query_of(
        ("RequestAttributesSequence.ScheduledProcedureStepID", "S1"),
        ("00400275.00401001", "R*"),
        level=Level.SERIES,
        resource=STUDY,
    )

    keys = (Key(0x00400009, "SH", AnyOf(("S1",))), Key(0x00401001, "SH", Like("R*")))
    assert query.key(REQUEST).matching == ItemWith(keys)


def test_dates_and_times_are_always_one_moment():
    query = query_of(("StudyTime", "22-"), ("StudyDate", "20240101-20240102"))

    assert query.keys == (
        Key(
            tags.STUDY_DATE,
            "DA",
            BetweenMoments(tags.STUDY_TIME, "20240101220000.000000", "20240102235959.999999"),
        ),
    )


def test_options_are_no_attributes():
    query = query_of(
        ("limit", "10"), ("offset", "20"), ("fuzzymatching", "TRUE"), ("PatientName", "Meyer"),
        ("accept", "application/dicom+json"), ("emptyvaluematching", "true"),
    )  # fmt: skip

    assert (query.limit, query.offset, query.fuzzy_names) == (10, 20, True)
    assert query.keys == (Key(tags.PATIENT_NAME, "PN", NameSounds("Meyer")),)


def test_wild_cards_are_kept_where_names_are_looked_for_by_sound():
    fuzzy = query_of(("fuzzymatching", "true"), ("PatientName", "*meyer*"))

    assert fuzzy.keys == query_of(("PatientName", "*meyer*")).keys


@pytest.mark.parametrize(("asked", "given"), [("5", 5), ("5000", 1000), ("", 1000), ("0", 0)])
def test_a_limit_is_never_above_ours(asked, given):
    assert query_of(("limit", asked)).limit == given


def test_fields_are_included_by_lists_and_by_path():
    query = query_of(
        ("includefield", "StudyDescription,00081048"),
        ("includefield", "RequestAttributesSequence.ScheduledProcedureStepID"),
        ("includefield", '(0009,"ACME",02)'),
    )

    assert query.wanted[-4:] == (
        Wanted(tags.STUDY_DESCRIPTION, "LO"),
        Wanted(0x00081048, "PN"),
        Wanted(REQUEST, "SQ", (Wanted(0x00400009, "SH"),)),
        Wanted(PrivateAttribute(0x0009, "ACME", 2), "LO"),
    )
    assert not query.everything
    assert query_of(("includefield", "all")).everything


def test_a_level_answers_its_own_attributes_and_those_above_that_the_path_does_not_name():
    def wanted(level, resource):
        return {one.attribute for one in query_of(level=level, resource=resource).wanted}

    assert wanted(Level.SERIES, STUDY) >= set(DEFAULTS[Level.SERIES])
    assert tags.STUDY_DATE not in wanted(Level.SERIES, STUDY)
    assert wanted(Level.SERIES, {}) >= set(DEFAULTS[Level.STUDY])
    assert wanted(Level.IMAGE, STUDY) >= set(DEFAULTS[Level.SERIES] + DEFAULTS[Level.IMAGE])


def test_a_parameter_may_only_narrow_what_the_path_says():
    def studies(*parameters):
        query = query_of(*parameters, level=Level.SERIES, resource=STUDY)
        return query.key(tags.STUDY_INSTANCE_UID).matching

    assert studies() == AnyOf(("1.2",))
    assert studies(("StudyInstanceUID", "1.2,1.3")) == AnyOf(("1.2",))
    assert studies(("StudyInstanceUID", "1.3")) == AnyOf(())


def test_a_private_attribute_needs_its_creator():
    with_creator = query_of(("00091002", "x"), ("00090010", "ACME"))
    without = search(("00091002", "x"))

    assert with_creator.keys == (Key(PrivateAttribute(0x0009, "ACME", 2), "LO", AnyOf(("x",))),)
    assert without.query.keys == ()
    assert "private creator" in without.warnings[0]


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("PatientNam", "x", "the parameter PatientNam is not known and was ignored"),
        ("a\r\nSet-Cookie: x", "x", "the parameter a??Set-Cookie:?x is not known and was ignored"),
        ("includefield", "Nonsense", "includefield: Nonsense is not an attribute"),
        ("InstanceNumber", "1", "00200013 is not known at this level and was ignored"),
    ],
)
def test_what_is_not_known_is_left_out_with_a_warning(name, value, warning):
    found = search((name, value))

    assert found.warnings == (warning,)
    assert found.query.keys == ()


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ([("StudyDate", "Smith")], "StudyDate"),
        ([("limit", "-1")], "limit"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ([("offset", "1e3")], "offset"),
        ([("offset", "9" * 5000)], "offset"),
        ([("fuzzymatching", "yes")], "fuzzymatching"),
        ([("PatientID", "1"), ("PatientID", "2")], "PatientID"),
        ([("StudyInstanceUID", "1.*")], "StudyInstanceUID"),
        ([("ProcedureCodeSequence", "x")], "ProcedureCodeSequence"),
        ([("limit", "1")] * 201, "limit"),
        ([("ModalitiesInStudy", "CT,MR"), ("multiplevaluematching", "false")], "ModalitiesInStudy"),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_name(parameters, name):
    with pytest.raises(BadParameter) as refused:
        search(*parameters)

    assert refused.value.name == name
    assert "Smith" not in str(refused.value)
