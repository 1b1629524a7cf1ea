"""Data sets that are made, not received."""

import pytest

from hilum.dicom.building import DataSetBuilder, WrongValue
from hilum.dicom.bulk import BulkReference
from hilum.dicom.charset_writing import term_for, text_writer
from hilum.dicom.charsets import charset_of, decode
from hilum.dicom.encode import ValueNotAtHand, encode_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

SYNTAXES = [
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
]


def sample():
    builder = DataSetBuilder("ISO_IR 192")
    step = builder.item().texts(0x00400009, "S1").texts(0x00400007, "Schädel").data_set
    return (
        builder.texts(0x00100010, "Müller^Jörg=山田^太郎")
        .texts(0x00080008, "ORIGINAL", "PRIMARY")
        .texts(0x00080018, "1.2.3")
        .numbers(0x00280010, 512)
        .numbers(0x00200013, 7)
        .numbers(0x00189087, 0.1, -3)
        .tags(0x00280009, 0x00181063)
        .items(0x00400275, step)
        .empty(0x00081032)
        .empty(0x00080020)
        .data_set
    )


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_what_is_written_in_any_syntax_is_read_again(syntax):
    encoded = encode_data_set(sample(), syntax)

    data_set = read_data_set(encoded, syntax)
    assert len(encoded) % 2 == 0
    assert data_set.tolerated == {}
    assert data_set.texts(0x00100010) == ["Müller^Jörg=山田^太郎"]
    assert data_set.texts(0x00080008) == ["ORIGINAL", "PRIMARY"]
    assert data_set.uid(0x00080018) == "1.2.3"
    assert data_set.integer(0x00280010) == 512
    assert data_set.integer(0x00200013) == 7
    assert data_set.numbers(0x00189087) == [0.1, -3]
    assert data_set.tags(0x00280009) == [0x00181063]
    assert data_set.values_at("RequestAttributesSequence.ScheduledProcedureStepDescription") == [
        "Schädel"
    ]
    assert data_set.vr(0x00081032) == "SQ"
    assert list(data_set) == sorted(data_set)


def test_a_value_too_long_for_its_vr_is_written_as_unknown_and_read_as_itself():
    data_set = DataSetBuilder().raw(0x00081030, b"x" * 70001).data_set

    encoded = encode_data_set(data_set, EXPLICIT_VR_LITTLE_ENDIAN)

    assert encoded[4:6] == b"UN"
    again = read_data_set(encoded, EXPLICIT_VR_LITTLE_ENDIAN, bulk_bytes_min=1 << 20)
    assert again.vr(0x00081030) == "LO"
    assert again.text(0x00081030) == "x" * 70001


def test_group_lengths_are_left_out():
    data_set = DataSetBuilder().raw(0x00080000, b"\4\0\0\0").texts(0x00080060, "CT").data_set

    assert list(read_data_set(encode_data_set(data_set, SYNTAXES[0]), SYNTAXES[0])) == [0x00080060]


def test_a_value_that_is_elsewhere_must_be_fetched():
    data_set = DataSetBuilder().data_set
    data_set.elements[0x00420011] = ("OB", BulkReference("1/bulk"))

    with pytest.raises(ValueNotAtHand):
        encode_data_set(data_set, EXPLICIT_VR_LITTLE_ENDIAN)
    encoded = encode_data_set(data_set, EXPLICIT_VR_LITTLE_ENDIAN, bulk=lambda _: b"%PDF-")
    assert read_data_set(encoded, EXPLICIT_VR_LITTLE_ENDIAN).raw(0x00420011) == b"%PDF-\0"


@pytest.mark.parametrize(
    ("tag", "values"), [(0x00280010, [70000]), (0x00280010, ["x"]), (0x00280009, ["Modality"])]
)
def test_a_value_that_does_not_fit_is_refused_without_telling_it(tag, values):
    builder = DataSetBuilder()

    with pytest.raises(WrongValue, match=r"\(0028,00(10|09)\)"):
        builder.texts(tag, *map(str, values))


def test_a_character_that_the_set_has_not_is_refused():
    with pytest.raises(WrongValue, match="ISO_IR 100"):
        DataSetBuilder("ISO_IR 100").texts(0x00100010, "山田")


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 144", "Иванов^Пётр"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东="),
        ("\\ISO 2022 IR 100\\ISO 2022 IR 144", "Jörg^Пётр x Müller"),
        ("ISO 2022 IR 6\\ISO 2022 IR 159", "丂亍^x"),
        ("ISO_IR 192", "Müller^山田 😷"),
        ("GB18030", "小东^俓"),
    ],
)
def test_what_is_written_in_a_character_set_is_read_in_it(term, text):
    raw = text_writer(term).encode(text)

    assert decode(raw, charset_of(term.encode())) == text


@pytest.mark.parametrize(
    ("preferred", "texts", "term"),
    [
        ("ISO_IR 100", ["Müller"], "ISO_IR 100"),
        ("ISO_IR 100", ["Müller", "山田"], "ISO_IR 192"),
        ("", ["Muller"], ""),
        ("", ["Müller"], "ISO_IR 192"),
        ("\\ISO 2022 IR 87", ["山田"], "\\ISO 2022 IR 87"),
        ("NONSENSE", ["Müller"], "ISO_IR 192"),
        ("NONSENSE", ["Muller"], ""),
    ],
)
def test_an_answer_is_in_the_set_of_the_question_when_that_has_all_of_it(preferred, texts, term):
    assert term_for(texts, preferred) == term
