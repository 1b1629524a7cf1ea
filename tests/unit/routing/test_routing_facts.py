"""Facts from a scanned header and from a data set; what routes announce that they need."""

import struct
from datetime import UTC, datetime

import pytest

from hilum.dicom.dataset import DataSet
from hilum.dicom.header import Header
from hilum.routing.facts import AssociationFacts, HeaderFacts
from hilum.routing.known import Known
from hilum.routing.plan import plan
from hilum.routing.routes import read_routes
from hilum.routing.settings import RouteSettings

NOW = datetime(2024, 1, 3, tzinfo=UTC)
MODALITY, ROWS, COMMENTS, PATIENT_WEIGHT = 0x00080060, 0x00280010, 0x00204000, 0x00101030
SERIES_DESCRIPTION, IMAGE_TYPE, RECOMMENDED_RATE = 0x0008103E, 0x00080008, 0x00089459
WANTED = frozenset(
    (MODALITY, ROWS, COMMENTS, PATIENT_WEIGHT, IMAGE_TYPE, RECOMMENDED_RATE, SERIES_DESCRIPTION)
)


def facts_of(values, *, little_endian=True, read_data_set=None, association=None):
    others = {} if read_data_set is None else {"read_data_set": read_data_set}
    return HeaderFacts(
        Header(values, {}, little_endian=little_endian),
        association or AssociationFacts("CT1"),
        size=1,
        transfer_syntax_uid="1.2",
        header_tags=WANTED,
        **others,
    )


def routes_of(*whens, **others):
    settings = [
        RouteSettings.model_validate({"name": f"r{n}", "when": when, "to": "pacs", **others})
        for n, when in enumerate(whens)
    ]
    routes, faults = read_routes(settings, Known(), UTC)
    assert not faults.found
    return routes


@pytest.mark.parametrize(
    ("tag", "raw", "expected"),
    [
        (MODALITY, b"CT ", ["CT"]),
        (IMAGE_TYPE, b"DERIVED\\SECONDARY \\\\X", ["DERIVED", "SECONDARY", "X"]),
        (COMMENTS, b"a\\b ", ["a\\b"]),
        (MODALITY, b"  ", []),
        (MODALITY, b"", []),
        (ROWS, struct.pack("<H", 512), ["512"]),
        (ROWS, b"\x01", []),
        (RECOMMENDED_RATE, struct.pack("<f", 0.5), ["0.5"]),
    ],
)
def test_values_of_a_header_are_texts_without_padding(tag, raw, expected):
    assert list(facts_of({tag: raw}).values(tag)) == expected


def test_numbers_are_read_in_the_byte_order_of_the_data_set():
    facts = facts_of({ROWS: struct.pack(">H", 512)}, little_endian=False)

    assert list(facts.values(ROWS)) == ["512"]


def test_what_the_header_was_not_asked_to_keep_comes_from_the_data_set_read_once():
    read = []

    def read_data_set():
        read.append(1)
        found = DataSet()
        item = DataSet()
        item.elements[MODALITY] = ("CS", b"MR")
        found.elements[0x00400275] = ("SQ", [item])
        found.elements[0x00190010] = ("LO", b"ACME")
        found.elements[0x0019100A] = ("LO", b"private ")
        return found

    facts = facts_of({}, read_data_set=read_data_set)

    assert list(facts.values(0x0019000A, "ACME")) == ["private"]
    assert list(facts.values(0x0019000A, "OTHER")) == []
    assert list(facts.items(0x00400275)[0].values(MODALITY)) == ["MR"]
    assert len(read) == 1


def test_without_a_data_set_nothing_is_in_it():
    facts = facts_of({})

    assert list(facts.values(0x0019000A, "ACME")) == []
    assert list(facts.items(0x00400275)) == []


def test_routes_announce_the_tags_they_want():
    routes = routes_of({"Modality": "CT", "any": [{"Rows": 5}, {"not": {"PatientWeight": "> 90"}}]})

    assert routes.tags_wanted == {MODALITY, ROWS, PATIENT_WEIGHT}
    assert not routes.needs_data_set


@pytest.mark.parametrize(
    "when",
    [
        {'(0019,"ACME",0a)': True},
        {"RequestAttributesSequence": True},
        {"RequestAttributesSequence.Modality": "CT"},
        {"not": {"RequestAttributesSequence": {"Modality": "CT"}}},
        {"SmallestImagePixelValue": 3},
    ],
)
def test_routes_announce_that_a_header_is_not_enough(when):
    assert routes_of(when).needs_data_set


def test_a_data_set_is_not_read_when_the_header_decides():
    def fail():
        raise AssertionError

    routes = routes_of({"Modality": "CT", "RequestAttributesSequence.Modality": "CT"})

    assert not plan(routes, facts_of({MODALITY: b"MR"}, read_data_set=fail), NOW).deliveries


def test_associations_are_told_apart_and_remembered():
    routes = routes_of({"calling_ae_title": "CT*"}, {"Modality": "CT", "peer": False})
    for title, count in (("CT1", 2), ("MR1", 1), ("CT1", 2)):
        facts = facts_of({MODALITY: b"CT"}, association=AssociationFacts(title))
        fired = [one for one in plan(routes, facts, NOW).reasons if one.verdict.value == "fired"]
        assert len(fired) == count

    assert len(routes._views) == 2


def test_what_is_remembered_of_associations_has_a_limit():
    routes = routes_of({"calling_ae_title": "CT*"})
    for number in range(3000):
        plan(routes, facts_of({}, association=AssociationFacts(f"X{number}")), NOW)

    assert len(routes._views) <= 1024


def test_a_plan_without_routes_is_empty():
    assert plan(routes_of(), facts_of({}), NOW).deliveries == ()
