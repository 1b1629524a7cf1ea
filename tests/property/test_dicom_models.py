"""Data sets as JSON and XML, and keys against values: whatever comes, nothing but refusals."""

import json
from xml.etree import ElementTree as ET

import pytest
from dicom_trees import DATA_SETS, SYNTAXES, encode, wire
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom.attribute_path import AttributePath, NoSuchAttribute
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson, read_json
from hilum.dicom.json_writer import to_json
from hilum.dicom.match_keys import BadKey, matching_of
from hilum.dicom.matching import matches
from hilum.dicom.native_xml_reader import BadXml, read_xml
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicom.parser import read_data_set
from hilum.dicom.vrs import ALL
from hilum.query.identifier import BadIdentifier, Negotiated, query_of_identifier
from hilum.query.level import Level, Model
from hilum.query.parameters import BadParameter, query_of_parameters

VRS = st.sampled_from(sorted(ALL - {"SQ"}))
TAGS = st.sampled_from(
    [0x00080005, 0x00080020, 0x00080030, 0x00080052, 0x00080060, 0x00100010, 0x00100020,
     0x0020000D, 0x00200013, 0x00280010, 0x00090010, 0x00091002, 0x00081030, 0x00104000]
)  # fmt: skip
RAW = st.one_of(
    st.binary(max_size=24),
    st.sampled_from([b"\\", b"\\\\", b"=^=", b"\x1b$B;3", b"1e9999", b"nan", b'""', b"-", b"*\\?"]),
)


@st.composite
def any_data_sets(draw):
    data_set = DataSet(little_endian=draw(st.booleans()))
    for tag in draw(st.lists(TAGS, unique=True, max_size=6)):
        data_set.elements[tag] = (draw(VRS), draw(RAW))
    if draw(st.booleans()):
        inner = DataSet()
        inner.elements[0x00400009] = (draw(VRS), draw(RAW))
        data_set.elements[0x00400275] = ("SQ", [inner] * draw(st.integers(0, 2)))
    return data_set


@given(data_set=any_data_sets())
@settings(max_examples=300, deadline=None)
def test_any_values_have_a_json_and_an_xml_that_can_be_parsed(data_set):
    json.loads(to_json(data_set))
    ET.fromstring(to_xml(data_set))

    for tag, element in data_set.elements.items():
        data_set.texts_of(element)
        data_set.numbers(tag)
        data_set.integer(tag)
        data_set.names(tag)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@given(elements=DATA_SETS)
@settings(max_examples=40, deadline=None)
def test_json_that_was_read_is_written_the_same(syntax, elements):
    data_set = read_data_set(wire(b"".join(encode(elements, syntax)), syntax), syntax)
    written = to_json(data_set)

    try:
        again = read_json(written)[0]
    except BadJson:
        return  # numbers that are none have texts that no number is

    assert to_json(read_json(to_json(again))[0]) == to_json(again)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["SQ", "PN", "OB", "US", "DS", "1", "YQ==", "CT"]),
)
MODELS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "00080018",
                    "00280010",
                    "00400275",
                    "00100010",
                    "00091001",
                    "vr",
                    "Value",
                    "InlineBinary",
                    "BulkDataURI",
                    "Alphabetic",
                    "Modality",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


@given(model=MODELS)
@settings(max_examples=400, deadline=None)
def test_any_json_is_read_or_refused(model):
    try:
        found = read_json(json.dumps(model).encode())
    except BadJson:
        return
    for data_set in found:
        to_json(data_set)


XML_PARTS = st.lists(
    st.sampled_from(
        [
            "<NativeDicomModel>", "</NativeDicomModel>", '<DicomAttribute tag="00080018" vr="UI">',
            '<DicomAttribute tag="00090001" privateCreator="A">', "</DicomAttribute>", "<Item>",
            "</Item>", '<Value number="2">', "<Value>", "1.2", "</Value>", "<InlineBinary>",
            "</InlineBinary>", '<BulkData uri="x"/>', '<PersonName number="1">', "</PersonName>",
            "<Alphabetic>", "</Alphabetic>", "<FamilyName>", "</FamilyName>",
        ]
    ),
    max_size=20,
)  # fmt: skip


@given(parts=XML_PARTS)
@settings(max_examples=400, deadline=None)
def test_any_xml_is_read_or_refused(parts):
    try:
        data_set = read_xml(
            ("<NativeDicomModel>" + "".join(parts) + "</NativeDicomModel>").encode()
        )
    except BadXml:
        return
    to_xml(data_set)


KEYS = st.text('0123456789-+.*?^=\\" abÄ/:\0', max_size=20)


@given(vr=st.sampled_from(sorted(ALL)), key=KEYS, values=st.lists(KEYS, max_size=3))
@settings(max_examples=500, deadline=None)
def test_any_key_is_refused_or_answered_by_any_values(vr, key, values):
    try:
        matching = matching_of(vr, key)
    except BadKey:
        return

    assert matches(matching, values) in {True, False}


@given(value=st.text(st.characters(codec="utf-8", exclude_characters='*?\\\0"'), min_size=1))
def test_a_text_without_wild_cards_matches_itself(value):
    if value.strip(" "):
        assert matches(matching_of("LO", value[:100]), [value[:100].strip(" ")])


@given(
    data_set=any_data_sets(),
    level=st.sampled_from([b"STUDY", b"SERIES", b"PATIENT", b"x"]),
    model=st.sampled_from(list(Model)),
    relational=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_identifier_is_a_question_or_refused(data_set, level, model, relational):
    data_set.elements[0x00080052] = ("CS", level)
    try:
        query = query_of_identifier(
            data_set, model, Negotiated(relational=relational, combined_moments=True, timezone=True)
        )
    except BadIdentifier:
        return
    assert all(key.is_asking for key in query.keys)


NAMES = st.one_of(
    st.sampled_from(
        [
            "PatientName",
            "StudyDate",
            "StudyTime",
            "limit",
            "offset",
            "includefield",
            "00080060",
            "00400275.00400009",
            "fuzzymatching",
            "00091001",
            "00090010",
            '(0009,"A",01)',
            "Rows",
        ]
    ),
    st.text(max_size=8),
)


@given(parameters=st.lists(st.tuples(NAMES, KEYS), max_size=5), level=st.sampled_from(list(Level)))
@settings(max_examples=400, deadline=None)
def test_any_parameters_are_a_question_or_refused(parameters, level):
    try:
        found = query_of_parameters(level, parameters, resource={}, limit_max=10)
    except BadParameter:
        return
    assert all(warning.isascii() and warning.isprintable() for warning in found.warnings)


@given(text=st.text('PatientName.,()"0123456789abcdef\\ ', max_size=30))
def test_any_text_is_a_path_or_refused(text):
    try:
        path = AttributePath.parse(text)
    except NoSuchAttribute:
        return
    assert DataSet().values_at(path) == []
