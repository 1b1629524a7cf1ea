import struct

import pytest

from hilum.dicom import tags
from hilum.dicom.facts import FactsReader, facts_of
from hilum.dicom.header import Header


def header(values, *, little_endian=True):
    return Header(values, {}, little_endian=little_endian)


@pytest.mark.parametrize("raw", [b"P1", b"P1 ", b" P1  ", b"P1\0", b"P1\0 \0"])
def test_padding_is_not_part_of_a_text(raw):
    assert header({tags.PATIENT_ID: raw}).text(tags.PATIENT_ID) == "P1"


@pytest.mark.parametrize("values", [{}, {tags.PATIENT_ID: b""}, {tags.PATIENT_ID: b" \0"}])
def test_absent_and_empty_texts_are_alike(values):
    assert header(values).text(tags.PATIENT_ID) == ""
    assert header(values).texts(tags.PATIENT_ID) == []


def test_a_nul_inside_stays_visible():
    """Two identifiers must not become one because something between them cannot be shown."""
    assert header({tags.PATIENT_ID: b"A\0B"}).text(tags.PATIENT_ID) == "A\ufffdB"


def test_texts_are_decoded_with_the_character_set_of_the_data_set():
    values = {tags.SPECIFIC_CHARACTER_SET: b"ISO_IR 144", tags.PATIENT_NAME: b"\xbb\xee\xda"}

    assert header(values).text(tags.PATIENT_NAME) == "Люк"


def test_escape_sequences_are_ascii_bytes_and_yet_decoded():
    values = {
        tags.SPECIFIC_CHARACTER_SET: b"\\ISO 2022 IR 87",
        tags.PATIENT_NAME: b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    }

    assert header(values).text(tags.PATIENT_NAME) == "Yamada^Tarou=山田^太郎"


def test_several_values_are_split_after_decoding():
    """In GB18030 the second byte of a character may be a backslash."""
    values = {
        tags.SPECIFIC_CHARACTER_SET: b"GB18030",
        tags.IMAGE_TYPE: "俓 \\ B".encode("gb18030"),
    }

    assert b"\\" in "俓".encode("gb18030")
    assert header(values).texts(tags.IMAGE_TYPE) == ["俓", "B"]


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b"5", 5),
        (b" +5 ", 5),
        (b"-1\0", -1),
        (b"7\\8", 7),
        (b"1.000000", 1),
        (b"1E3", 1000),
        (b"1.5", None),
        (b"1A", None),
        (b"1_0", None),
        (b"", None),
        (b" ", None),
        (b"nan", None),
        (b"inf", None),
        (b"9" * 19, None),
        (b"9" * 400, None),
        ("٣".encode(), None),
    ],
)
def test_integer_strings_are_read_when_they_mean_a_number(raw, number):
    assert header({tags.INSTANCE_NUMBER: raw}).integer(tags.INSTANCE_NUMBER) == number


@pytest.mark.parametrize(("little_endian", "order"), [(True, "<"), (False, ">")])
def test_binary_integers_have_the_byte_order_of_the_data_set(little_endian, order):
    window_center, smallest = 0x00281050, 0x00280106
    values = {
        tags.ROWS: struct.pack(order + "H", 512),
        0x00186018: struct.pack(order + "I", 70000),  # Region Location Min X0, UL
        0x00186020: struct.pack(order + "i", -3),  # Reference Pixel X0, SL
        smallest: struct.pack(order + "H", 7),  # US or SS
        window_center: b"40",
    }

    found = header(values, little_endian=little_endian)

    assert found.integer(tags.ROWS) == 512
    assert found.integer(0x00186018) == 70000
    assert found.integer(0x00186020) == -3
    assert found.integer(smallest) == 7
    assert found.integer(window_center) == 40


def test_facts_are_the_catalogue_attributes_in_their_fields():
    texts = {
        tags.SOP_INSTANCE_UID: ("sop_instance_uid", "1.1"),
        tags.SOP_CLASS_UID: ("sop_class_uid", "1.2"),
        tags.STUDY_INSTANCE_UID: ("study_instance_uid", "1.3"),
        tags.SERIES_INSTANCE_UID: ("series_instance_uid", "1.4"),
        tags.PATIENT_ID: ("patient_id", "a"),
        tags.ISSUER_OF_PATIENT_ID: ("issuer_of_patient_id", "b"),
        tags.PATIENT_NAME: ("patient_name", "c"),
        tags.PATIENT_BIRTH_DATE: ("patient_birth_date", "d"),
        tags.PATIENT_SEX: ("patient_sex", "e"),
        tags.STUDY_DATE: ("study_date", "f"),
        tags.STUDY_TIME: ("study_time", "g"),
        tags.ACCESSION_NUMBER: ("accession_number", "h"),
        tags.STUDY_ID: ("study_id", "i"),
        tags.STUDY_DESCRIPTION: ("study_description", "j"),
        tags.REFERRING_PHYSICIAN_NAME: ("referring_physician_name", "k"),
        tags.MODALITY: ("modality", "l"),
        tags.SERIES_DESCRIPTION: ("series_description", "m"),
        tags.SERIES_DATE: ("series_date", "n"),
        tags.SERIES_TIME: ("series_time", "o"),
        tags.BODY_PART_EXAMINED: ("body_part_examined", "p"),
        tags.PERFORMED_STATION_AE_TITLE: ("performed_station_ae_title", "q"),
        tags.MANUFACTURER: ("manufacturer", "r"),
        tags.INSTITUTION_NAME: ("institution_name", "s"),
        tags.STATION_NAME: ("station_name", "t"),
        tags.PERFORMED_PROCEDURE_STEP_START_DATE: ("performed_procedure_step_start_date", "y"),
        tags.PERFORMED_PROCEDURE_STEP_START_TIME: ("performed_procedure_step_start_time", "z"),
        tags.IMAGE_TYPE: ("image_type", "u\\v"),
        tags.CONTENT_DATE: ("content_date", "w"),
        tags.CONTENT_TIME: ("content_time", "x"),
    }
    numbers = {
        tags.SERIES_NUMBER: ("series_number", 1, b"1"),
        tags.INSTANCE_NUMBER: ("instance_number", 2, b"2"),
        tags.NUMBER_OF_FRAMES: ("number_of_frames", 3, b"3"),
        tags.ROWS: ("rows", 4, b"\4\0"),
        tags.COLUMNS: ("columns", 5, b"\5\0"),
        tags.BITS_ALLOCATED: ("bits_allocated", 6, b"\6\0"),
    }
    values = {tag: text.encode() for tag, (_, text) in texts.items()}
    values |= {tag: raw for tag, (_, _, raw) in numbers.items()}

    facts = facts_of(header(values))

    assert dict(texts.values()) | {name: number for name, number, _ in numbers.values()} == {
        name: getattr(facts, name) for name in facts.__slots__
    }
    assert set(values) <= tags.CATALOGUE_TAGS


def test_facts_of_an_empty_header_are_empty():
    facts = facts_of(header({}))

    assert {getattr(facts, name) for name in facts.__slots__} == {"", None}


def test_a_reader_of_facts_takes_nothing_over_from_other_series():
    seen = [
        {tags.PATIENT_ID: b"1 ", tags.PATIENT_NAME: b"A^B ", tags.INSTANCE_NUMBER: b"1 "},
        {tags.PATIENT_ID: b"1 ", tags.PATIENT_NAME: b"A^B ", tags.INSTANCE_NUMBER: b"2 "},
        {tags.PATIENT_ID: b"1 ", tags.SERIES_NUMBER: b"7 "},
        {tags.PATIENT_NAME: b"\xc4^B ", tags.SPECIFIC_CHARACTER_SET: b"ISO_IR 100"},
        {tags.PATIENT_NAME: b"\xc4^B ", tags.SPECIFIC_CHARACTER_SET: b"ISO_IR 144"},
    ]
    reader = FactsReader()

    for values in seen * 2:
        assert reader.facts_of(header(values)) == facts_of(header(values))
    assert len({reader.facts_of(header(values)).patient_name for values in seen[3:]}) == 2
