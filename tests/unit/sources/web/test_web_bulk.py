"""RetrieveBulk, RetrieveAllBulk, RetrievePixels: what BulkDataURIs of metadata lead to."""

import struct

import pytest
from encapsulated import EXPLICIT, JPEG, element, encapsulated, head_of, item, native
from web_retrieval import BIG_ENDIAN, DEFLATED, IMPLICIT, WebRig, header, parts_of

from hilum.dicom.bulk import path_text
from hilum.dicom.encode import encode_data_set
from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax

PATH = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
OCTETS = "application/octet-stream"
MANY = f'multipart/related; type="{OCTETS}"'
WORDS = struct.pack("<1000H", *range(1000))


@pytest.fixture
def rig():
    made = WebRig()
    yield made
    assert made.payloads.open_now == 0


def nested():
    """Give a data set with large values at several places, in explicit little endian."""
    inner = element(0x00091010, b"UN", b"x" * 1500) + element(0x54001010, b"OW", WORDS)
    other = item(b"") + item(inner)
    waveform = element(0x54000100, b"SQ", other)
    private = element(0x00091020, b"OB", b"y" * 70_000)
    text = struct.pack("<HH2sH", 0x10, 0x4000, b"LT", 2000) + b"t" * 2000
    return head_of(bits=16), private, text, waveform


def whole():
    head, private, text, waveform = nested()
    return head + private + text + waveform + native(bytes(range(32)))


def in_syntax(data_set, syntax):
    tree = read_data_set(data_set, transfer_syntax(EXPLICIT))
    return encode_data_set(tree, transfer_syntax(syntax), bulk=lambda one: one.of(data_set))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN])
def test_every_address_of_the_metadata_leads_to_its_value(rig, syntax):
    stored = in_syntax(whole(), syntax)
    rig.store(stored, syntax)
    addresses = {}
    tree = read_data_set(whole(), transfer_syntax(EXPLICIT))

    def note(path, vr):
        addresses[path_text(path)] = vr
        return "x"

    to_json(tree, bulk=note)

    contents = {
        address: rig.get(f"{PATH}/bulkdata/{address}", OCTETS).content for address in addresses
    }
    assert contents == {
        "00091020": b"y" * 70_000,
        "00104000": b"t" * 2000,
        "54000100/1/00091010": b"x" * 1500,
        "54000100/1/54001010": WORDS,
        "7FE00010": bytes(range(32)),
    }


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN])
def test_all_bulk_data_of_an_instance_comes_in_order(rig, syntax):
    rig.store(in_syntax(whole(), syntax), syntax)

    parts = parts_of(rig.get(f"{PATH}/bulkdata", MANY))

    start = f"http://localhost/dicom-web{PATH}/"
    assert {
        headers["content-location"].removeprefix(start): len(one) for headers, one in parts
    } == {
        "bulkdata/00091020": 70_000,
        "bulkdata/00104000": 2000,
        "bulkdata/54000100/1/00091010": 1500,
        "bulkdata/54000100/1/54001010": 2000,
        "pixeldata": 32,
    }


def test_short_values_can_be_had_too(rig):
    rig.store(whole(), EXPLICIT)

    assert rig.get(f"{PATH}/bulkdata/00280010", OCTETS).content == b"\x04\0"


@pytest.mark.parametrize(
    "address",
    [
        "54000100",
        "54000100/2/54001010",
        "54000100/0/54001010",
        "00091021",
        "7FE00008",
        "54000100/1",
    ],
)
def test_what_is_no_value_is_not_found(rig, address):
    rig.store(whole(), EXPLICIT)

    assert rig.get(f"{PATH}/bulkdata/{address}", OCTETS).status_code == 404


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED, BIG_ENDIAN])
def test_a_range_of_a_value_is_a_part_of_it(rig, syntax):
    rig.store(in_syntax(whole(), syntax), syntax)
    address = f"{PATH}/bulkdata/54000100/1/54001010"

    answer = rig.get(address, OCTETS, range="bytes=101-202")

    assert (answer.status_code, answer.content) == (206, WORDS[101:203])
    assert header(answer, "content-range") == "bytes 101-202/2000"
    assert rig.get(address, OCTETS, range="bytes=2000-").status_code == 416


def test_a_value_behind_the_pixels_is_found(rig):
    rig.store(whole() + element(0xFFFCFFFC, b"OB", b"z" * 2000), EXPLICIT)

    assert rig.get(f"{PATH}/bulkdata/FFFCFFFC", OCTETS).content == b"z" * 2000


def test_a_sequence_that_says_it_is_unknown_is_gone_through(rig):
    value = struct.pack("<HHI", 0x5400, 0x1010, 2000) + WORDS
    rig.store(head_of() + element(0x54000100, b"UN", item(value)), EXPLICIT)

    assert rig.get(f"{PATH}/bulkdata/54000100/0/54001010", OCTETS).content == WORDS


def test_compressed_pixels_are_a_part_for_each_frame(rig):
    streams = [b"\xff\xd8\xff1", b"\xff\xd8\xff22 "]
    rig.store(head_of(frames=2) + encapsulated(streams), JPEG)

    for where in ("pixeldata", "bulkdata/7FE00010", "bulkdata"):
        parts = parts_of(rig.get(f"{PATH}/{where}", "*/*"))
        assert [content for _, content in parts] == streams
        assert parts[1][0]["content-location"].endswith(f"{PATH}/frames/2")
        assert parts[1][0]["content-type"] == f"image/jpeg; transfer-syntax={JPEG}"
    assert rig.get(f"{PATH}/pixeldata", MANY).status_code == 406
    assert rig.get(f"{PATH}/bulkdata", MANY).status_code == 406


def test_a_compressed_icon_is_its_fragments(rig):
    icon = item(encapsulated([b"ic", b"on"]))
    rig.store(head_of() + element(0x00880200, b"SQ", icon) + encapsulated([b"\xff\xd8\xff1"]), JPEG)

    answer = rig.get(f"{PATH}/bulkdata/00880200/0/7FE00010", "image/jpeg")

    assert answer.content == b"icon"


def test_pixels_of_a_study_are_those_that_there_are(rig):
    rig.store(head_of(1) + native(bytes(16)), EXPLICIT)
    rig.store(head_of(2), EXPLICIT)
    rig.store(head_of(3) + encapsulated([b"\xff\xd8\xff1"]), JPEG)

    parts = parts_of(rig.get("/studies/1.2.1/pixeldata"))
    plain = parts_of(rig.get("/studies/1.2.1/pixeldata", MANY))

    assert [content for _, content in parts] == [bytes(16), b"\xff\xd8\xff1"]
    assert [content for _, content in plain] == [bytes(16)]


def test_bulk_data_of_a_series_is_that_of_its_instances(rig):
    rig.store(head_of(1) + native(bytes(16)), EXPLICIT)
    rig.store(head_of(2) + native(bytes(range(16))), EXPLICIT)

    for where in ("/studies/1.2.1", "/studies/1.2.1/series/1.2.1.1"):
        parts = parts_of(rig.get(f"{where}/bulkdata"))
        assert [content for _, content in parts] == [bytes(16), bytes(range(16))]


def test_nothing_to_give_is_not_found(rig):
    rig.store(head_of(1), EXPLICIT)
    rig.store(head_of(2), EXPLICIT)

    for where in ("/studies/1.2.1", PATH):
        for what in ("pixeldata", "bulkdata"):
            assert rig.get(f"{where}/{what}").status_code == 404


def test_a_payload_that_is_gone_is_left_out_and_told(rig):
    rig.store(head_of(1) + native(bytes(16)), EXPLICIT)
    rig.store(head_of(2) + native(bytes(range(16))), EXPLICIT)
    rig.payloads.remove("1.dcm")

    parts = parts_of(rig.get("/studies/1.2.1/bulkdata"))
    alone = rig.get(f"{PATH}/bulkdata")

    assert [content for _, content in parts] == [bytes(range(16))]
    assert rig.events.named("InstanceSkipped")
    assert alone.status_code == 503


def test_a_head_of_many_values_leaves_nothing_open(rig):
    rig.store(whole(), EXPLICIT)

    answer = rig.client.ask("HEAD", f"/dicom-web{PATH}/bulkdata", headers={"accept": "*/*"})

    assert (answer.status_code, answer.content) == (200, b"")
