"""The DICOM JSON Model: written as PS3.18 §F has it, read as clients write it."""

import json

import pytest
from dicom_bytes import explicit, item

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.bulk import BulkReference, path_of, path_text
from hilum.dicom.json_numbers import decimal_literal
from hilum.dicom.json_reader import BadJson, read_json
from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN

THREE_GROUPS = '{"Alphabetic":"A^B","Ideographic":"ä","Phonetic":"C"}'


def written(data, syntax=EXPLICIT_VR_LITTLE_ENDIAN, **options):
    return to_json(read_data_set(data, syntax), **options).decode()


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (explicit(0x00080018, b"UI", b"1.2.3\0"), '"00080018":{"vr":"UI","Value":["1.2.3"]}'),
        (explicit(0x00080020, b"DA", b""), '"00080020":{"vr":"DA"}'),
        (explicit(0x00080020, b"DA", b"  "), '"00080020":{"vr":"DA"}'),
        (explicit(0x00080008, b"CS", b"A\\\\B "), '"00080008":{"vr":"CS","Value":["A",null,"B"]}'),
        (explicit(0x00104000, b"LT", b" a\\b "), r'"00104000":{"vr":"LT","Value":[" a\\b"]}'),
        (
            explicit(0x00100010, b"PN", b"A^B=\xc3\xa4=C"),
            '"00100010":{"vr":"PN","Value":[' + THREE_GROUPS + "]}",
        ),
        (
            explicit(0x00100010, b"PN", b"==P\\"),
            '"00100010":{"vr":"PN","Value":[{"Phonetic":"P"},null]}',
        ),
        (
            explicit(0x00280009, b"AT", b"\x18\0\x63\x10"),
            '"00280009":{"vr":"AT","Value":["00181063"]}',
        ),
        (explicit(0x00280010, b"US", b"\0\2"), '"00280010":{"vr":"US","Value":[512]}'),
        (
            explicit(0x00189087, b"FD", b"\0\0\0\0\0\0\xf8\x7f"),
            '"00189087":{"vr":"FD","Value":["NaN"]}',
        ),
        (explicit(0x00720082, b"SV", b"\xff" * 8), '"00720082":{"vr":"SV","Value":[-1]}'),
        (
            explicit(0x00720083, b"UV", b"\xff" * 8),
            '"00720083":{"vr":"UV","Value":["18446744073709551615"]}',
        ),
        (explicit(0x00091001, b"UN", b"abc\0"), '"00091001":{"vr":"UN","InlineBinary":"YWJjAA=="}'),
        (explicit(0x00081032, b"SQ"), '"00081032":{"vr":"SQ"}'),
        (explicit(0x00081032, b"SQ", item()), '"00081032":{"vr":"SQ","Value":[{}]}'),
        (explicit(0x00080000, b"UL", b"\4\0\0\0"), ""),
    ],
)
def test_an_element_is_written(element, expected):
    text = written(explicit(0x00080005, b"CS", b"ISO_IR 192") + element)

    json.loads(text)
    members = ['"00080005":{"vr":"CS","Value":["ISO_IR 192"]}', *filter(None, [expected])]
    assert text == "{" + ",".join(members) + "}"


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("12", "12"),
        ("007", "7"),
        ("0", "0"),
        ("-0", "-0"),
        ("+1.50", "1.50"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1.", "1"),
        ("1.2E+05", "1.2e+05"),
        ("9007199254740992", "9007199254740992"),
        ("9007199254740993", '"9007199254740993"'),
        ("0.30000000000000004", '"0.30000000000000004"'),
        ("1e999", '"1e999"'),
        ("1,5", '"1,5"'),
        ("", '""'),
        (".", '"."'),
        ("1_0", '"1_0"'),
        ("٣", '"٣"'),
        ("nan", '"nan"'),
    ],
)
def test_decimal_digits_stay_as_they_are(text, literal):
    assert decimal_literal(text) == literal
    json.loads(literal)


def test_the_character_set_is_that_of_the_json():
    data = explicit(0x00080005, b"CS", b"ISO_IR 100") + explicit(0x00100010, b"PN", b"M\xfcller")

    assert written(data) == (
        '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},'
        '"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller"}]}}'
    )


def test_long_values_and_pixels_are_where_their_address_says():
    icon = item(explicit(0x7FE00010, b"OB", bytes(8)))
    data = (
        explicit(0x00091001, b"OB", bytes(8))
        + explicit(0x00880200, b"SQ", icon)
        + explicit(0x7FE00010, b"OW", bytes(64))
    )
    asked = []

    def bulk(path, vr):
        asked.append((path_text(path), vr))
        return "bulkdata/" + path_text(path)

    text = written(data, bulk=bulk, inline_bytes_max=4)

    assert asked == [("00091001", "OB"), ("00880200/0/7FE00010", "OB"), ("7FE00010", "OW")]
    assert '"7FE00010":{"vr":"OW","BulkDataURI":"bulkdata/7FE00010"}' in text
    assert [path_of(path) for path, _ in asked][1] == (0x00880200, 0, 0x7FE00010)
    assert "7FE00010" not in written(explicit(0x7FE00010, b"OW", bytes(64)))


@pytest.mark.parametrize(
    "text", ["", "x", "7FE00010/", "7FE00010/1", "0/0/0", "../etc", "00880200/-1/7FE00010"]
)
def test_what_is_no_path_is_none(text):
    assert path_of(text) is None


def test_words_are_little_endian_whatever_they_were():
    data = explicit(0x7FE00010, b"OW", b"\1\2\3\4", order=">")
    data_set = read_data_set(data, EXPLICIT_VR_BIG_ENDIAN)
    data_set.elements[0x7FE00010] = ("OW", b"\1\2\3\4")

    assert to_json(data_set) == b'{"7FE00010":{"vr":"OW","InlineBinary":"AgEEAw=="}}'


def read(text):
    return read_json(text.encode())[0]


def test_what_is_written_is_read_again():
    builder = DataSetBuilder("ISO_IR 192")
    data_set = (
        builder.texts(0x00100010, "Müller^Jörg=山田", "B")
        .texts(0x00080018, "1.2")
        .texts(0x00180050, "1.50", "x")
        .texts(0x00104000, " a\\b")
        .numbers(0x00189087, 0.1)
        .numbers(0x00280010, 512)
        .tags(0x00280009, 0x00181063)
        .items(0x00400275, builder.item().texts(0x00400009, "ä").data_set)
        .raw(0x00091001, b"\0\1", vr="OB")
        .empty(0x00081032)
        .data_set
    )

    again = read_json(to_json(data_set))[0]

    assert to_json(again) == to_json(data_set)
    assert again.texts(0x00180050) == ["1.50", "x"]
    assert again.raw(0x00091001) == b"\0\1"


@pytest.mark.parametrize(
    ("content", "tag", "values"),
    [
        ('{"0008103e":{"vr":"lo","Value":["x"]}}', 0x0008103E, ["x"]),
        ('{"Modality":{"Value":"CT"}}', 0x00080060, ["CT"]),
        ('{"00100010":{"vr":"PN","Value":["A^B"]}}', 0x00100010, ["A^B"]),
        ('{"00100010":{"vr":"PN","Value":[null]}}', 0x00100010, []),
        ('{"00100010":{"vr":"PN","Value":[""]}}', 0x00100010, []),
        ('{"00200013":{"vr":"IS","Value":["12"]}}', 0x00200013, ["12"]),
        ('{"00200013":{"vr":"IS","Value":[12]}}', 0x00200013, ["12"]),
        ('{"00180050":{"vr":"DS","Value":[1.50]}}', 0x00180050, ["1.50"]),
        ('{"00180050":{"vr":"DS","Value":["1.0"]}}', 0x00180050, ["1.0"]),
        ('{"00180050":{"vr":"DS","Value":[0.30000000000000004]}}', 0x00180050, ["0.3"]),
        ('{"00280010":{"vr":"US","Value":["512"]}}', 0x00280010, ["512"]),
        ('{"00280010":{"vr":"US","Value":[512.0]}}', 0x00280010, ["512"]),
        ('{"00280106":{"Value":[-5]}}', 0x00280106, ["-5"]),
        ('{"00189087":{"vr":"FD","Value":[NaN]}}', 0x00189087, ["nan"]),
        ('{"00189087":{"vr":"FD","Value":["Infinity"]}}', 0x00189087, ["inf"]),
        ('{"00081030":{"vr":"LO","InlineBinary":"YWI="}}', 0x00081030, ["ab"]),
        ('{"00081030":{"vr":"LO","Value":["\\ud800"]}}', 0x00081030, ["?"]),
        ('{"00080008":{"vr":"CS","Value":["A",null,"B"]}}', 0x00080008, ["A", "", "B"]),
        ('{"00280009":{"vr":"AT","Value":["(0018,1063)"]}}', 0x00280009, ["00181063"]),
        ('{"00020010":{"vr":"UI","Value":["1"]},"00080060":{"vr":"CS"}}', 0x00020010, []),
    ],
)
def test_careless_json_is_read(content, tag, values):
    assert read(content).texts(tag) == values


def test_a_value_elsewhere_stays_there():
    data_set = read('{"7FE00010":{"vr":"OW","BulkDataURI":"/x"}}')

    assert data_set.elements[0x7FE00010] == ("OW", BulkReference("/x"))


def test_one_object_is_an_array_of_one_and_foreign_texts_name_their_set():
    assert len(read_json(b"[{},{}]")) == 2
    assert read('{"00081030":{"vr":"LO","Value":["x"]}}').texts(0x00080005) == []
    foreign = read('{"00400275":{"vr":"SQ","Value":[{"00400007":{"vr":"LO","Value":["ä"]}}]}}')
    assert foreign.texts(0x00080005) == ["ISO_IR 192"]
    assert foreign.items(0x00400275)[0].text(0x00400007) == "ä"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not JSON"),
        ("[1]", "no object"),
        ("3", "neither"),
        ('{"x":{}}', "no tag"),
        ('{"00280010":{"vr":"US","Value":[70000]}}', "00280010"),
        ('{"00280010":{"vr":"US","Value":["Smith"]}}', "00280010"),
        ('{"00280010":{"vr":"US","Value":[true]}}', "00280010"),
        ('{"00280010":{"vr":"US","Value":[NaN]}}', "00280010"),
        ('{"00100020":{"vr":"LO","Value":[{}]}}', "00100020"),
        ('{"00091001":{"vr":"OB","Value":["x"]}}', "00091001"),
        ('{"00091001":{"vr":"OB","InlineBinary":"?"}}', "00091001"),
        ('{"00280009":{"vr":"AT","Value":["Smith"]}}', "00280009"),
        ('{"7FE00010":{"vr":"OW","BulkDataURI":1}}', "7FE00010"),
        ("[" * 100_000, "not JSON"),
        ('{"00400275":{"vr":"SQ","Value":[' * 70 + "{}" + "]}}" * 70, "nested"),
        ("[" + "{}," * 1_000_001 + "{}]", "objects"),
    ],
)
def test_what_is_no_model_is_refused_without_telling_values(content, reason):
    with pytest.raises(BadJson, match=reason) as refused:
        read_json(content.encode())

    assert "Smith" not in str(refused.value)


def test_a_character_set_inside_an_item_does_not_garble_its_texts():
    said = b'{"00080005":{"vr":"CS"},"00080018":{"vr":"LO","Value":["\xc3\xa9"]}}'
    written = to_json(read_json(b'{"00081140":{"vr":"SQ","Value":[' + said + b"]}}")[0])

    assert b'"Value":["\xc3\xa9"]' in written
    assert to_json(read_json(written)[0]) == written
