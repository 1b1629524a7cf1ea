"""The Native DICOM Model of PS3.19: written, read, and refused."""

import shutil
import subprocess

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.bulk import Bulk, BulkReference
from hilum.dicom.encode import encode_data_set
from hilum.dicom.json_writer import to_json
from hilum.dicom.native_xml_reader import BadXml, read_xml
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicom.part10 import file_meta
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

START = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
END = "</NativeDicomModel>"


def sample():
    builder = DataSetBuilder("ISO_IR 192")
    item = builder.item().texts(0x00400009, "S1").data_set
    return (
        builder.texts(0x00080008, "ORIGINAL", "", "AXIAL")
        .texts(0x00081030, "a < b & \x01")
        .texts(0x00100010, "Müller^Jörg^^Dr.=山田^太郎", "", "B")
        .texts(0x00104000, " x\r\ny ")
        .texts(0x00180050, "1.50")
        .numbers(0x00280010, 512)
        .numbers(0x00189087, 0.1)
        .tags(0x00280009, 0x00181063)
        .items(0x00400275, item, builder.item().data_set)
        .raw(0x7FE00010, b"\0\1", vr="OW")
        .texts(0x00090012, "ACME")
        .texts(0x00091202, "p", vr="LO")
        .empty(0x00080020)
        .empty(0x00081032)
        .data_set
    )


def body_of(data_set, **options):
    document = to_xml(data_set, **options).decode()
    return document.partition('xml:space="preserve">')[2].removesuffix(END + "\n")


def test_an_attribute_has_its_tag_vr_keyword_and_numbered_values():
    assert body_of(DataSetBuilder().texts(0x00080008, "A", "", "B").data_set) == (
        '<DicomAttribute tag="00080008" vr="CS" keyword="ImageType">'
        '<Value number="1">A</Value><Value number="3">B</Value></DicomAttribute>'
    )


def test_a_name_has_groups_and_components():
    assert body_of(DataSetBuilder("ISO_IR 192").texts(0x00100010, "A^B^^D=山").data_set).endswith(
        '<PersonName number="1"><Alphabetic><FamilyName>A</FamilyName><GivenName>B</GivenName>'
        "<NamePrefix>D</NamePrefix></Alphabetic><Ideographic><FamilyName>山</FamilyName>"
        "</Ideographic></PersonName></DicomAttribute>"
    )


def test_a_private_attribute_goes_by_its_creator_and_not_by_its_block():
    assert (
        '<DicomAttribute tag="00090002" vr="LO" privateCreator="ACME"><Value number="1">p</Value>'
        in body_of(sample())
    )


def test_what_is_not_in_the_document_has_an_address_or_is_left_out():
    data_set = DataSetBuilder().data_set
    data_set.elements[0x7FE00010] = ("OW", Bulk(0, 10))
    data_set.elements[0x00420011] = ("OB", BulkReference("a&b"))

    assert body_of(data_set) == (
        '<DicomAttribute tag="00420011" vr="OB" keyword="EncapsulatedDocument">'
        '<BulkData uri="a&amp;b"/></DicomAttribute>'
    )
    assert '<BulkData uri="x"/>' in body_of(data_set, bulk=lambda *_: "x")


def test_what_is_written_is_read_again():
    again = read_xml(to_xml(sample()))

    expected = to_json(sample()).decode().replace("\\u0001", "\ufffd")
    assert to_json(again).decode() == expected


def test_a_private_creator_that_only_its_attributes_name_gets_a_block():
    document = START
    for creator, value in (("ACME", "1"), ("OTHER", "2"), ("ACME", "3")):
        document += (
            f'<DicomAttribute tag="000900{int(value):02}" vr="LO" privateCreator="{creator}">'
            f'<Value number="1">{value}</Value></DicomAttribute>'
        )

    data_set = read_xml((document + END).encode())

    assert data_set.values_at('(0009,"ACME",01)') == ["1"]
    assert data_set.values_at('(0009,"OTHER",02)') == ["2"]
    assert data_set.values_at('(0009,"ACME",03)') == ["3"]
    assert data_set.elements[0x00090010] == ("LO", b"ACME")


def attribute(body, tag="00100020", vr="LO", end=END):
    return START + f'<DicomAttribute tag="{tag}" vr="{vr}">{body}</DicomAttribute>' + end


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "not XML"),
        ("<a/>", "Native DICOM Model"),
        (START, "not XML"),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><NativeDicomModel/>',
            "document type",
        ),
        (attribute("", tag="x"), "no tag"),
        (attribute('<Value number="0">Smith</Value>'), "number"),
        (attribute('<Value number="9999999">Smith</Value>'), "number"),
        (attribute('<Value number="1">Smith</Value>', tag="00280010", vr="US"), "00280010"),
        (attribute('<Value number="1">Smith</Value>', tag="00091001", vr="OB"), "00091001"),
        (attribute("<InlineBinary>?</InlineBinary>", tag="00091001", vr="OB"), "00091001"),
        (attribute("<Item>" * 200, tag="00400275", vr="SQ"), "too many in each other"),
        (
            attribute('<Value number="2500000"/>', end="")
            + attribute('<Value number="2500000"/>')[len(START) :],
            "more than 4000000 values",
        ),
    ],
)
def test_what_is_no_model_is_refused_without_telling_values(document, reason):
    with pytest.raises(BadXml, match=reason) as refused:
        read_xml(document.encode())

    assert "Smith" not in str(refused.value)


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("dcm2xml") is None, reason="DCMTK is not installed")
def test_what_dcmtk_writes_is_read(tmp_path):
    data_set = sample()
    del data_set.elements[0x7FE00010]
    # Of several names, DCMTK numbers the groups.
    data_set.elements[0x00100010] = ("PN", "Müller^Jörg^^Dr.=山田^太郎".encode())
    data_set.elements[0x00081030] = ("LO", b"a < b & c")
    meta = file_meta(
        sop_class_uid="1.2",
        sop_instance_uid="1.3",
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN.uid,
    )
    path = tmp_path / "one.dcm"
    path.write_bytes(meta + encode_data_set(data_set, EXPLICIT_VR_LITTLE_ENDIAN))

    written = subprocess.run(["dcm2xml", "-nat", path], capture_output=True, check=True)

    again = read_xml(written.stdout)
    for tag in (0x00080008, 0x00081030, 0x00100010, 0x00180050, 0x00280010, 0x00280009):
        assert again.texts(tag) == data_set.texts(tag)
    assert again.items(0x00400275)[0].text(0x00400009) == "S1"
    assert again.values_at('(0009,"ACME",02)') == ["p"]
