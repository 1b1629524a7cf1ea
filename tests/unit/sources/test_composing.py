"""STOW-RS of metadata and bulk data in parts of their own: as a file would have been."""

import asyncio
import io
import json

import pytest
from stow_rig import BOUNDARY, ENDING, Rig, file_of, instances, part

from hilum.dicom.bulk import Bulk, BulkReference
from hilum.dicom.json_writer import to_json
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicom.parser import read_data_set
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.syntaxes import transfer_syntax
from hilum.sources.web import composing

JSON = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'
XML = f'multipart/related; type="application/dicom+xml"; boundary={BOUNDARY}'
(A,) = instances(1, pixel_bytes=2048)
PIXELS = A.data_set[-2048:]
TREE = read_data_set(A.data_set, transfer_syntax(A.transfer_syntax_uid))


def metadata(uri="bulk/1", **changes):
    """Give A as JSON; `changes`: attributes by tag, None to leave one out."""
    content = json.loads(to_json(TREE))
    content["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    for tag, value in changes.items():
        content.pop(tag.removeprefix("t"), None)
        if value is not None:
            content[tag.removeprefix("t")] = value
    return json.dumps([content]).encode()


def held_tree(rig, uid=A.sop_instance_uid):
    content = rig.bytes_of(uid)
    meta = read_file_meta(io.BytesIO(content))
    syntax = transfer_syntax(meta.transfer_syntax_uid)
    data_set = content[meta.data_set_offset :]
    return meta.transfer_syntax_uid, read_data_set(data_set, syntax), data_set


@pytest.fixture
def run(tmp_path):
    def runner(scenario, **named):
        async def main():
            async with Rig(tmp_path, **named) as rig:
                return await scenario(rig)

        return asyncio.run(main())

    return runner


@pytest.mark.parametrize("step", [5, 1 << 20])
@pytest.mark.parametrize("is_xml", [False, True])
@pytest.mark.parametrize("location", ["bulk/1", "http://client/bulk/1", "/bulk/1"])
def test_the_data_set_is_what_the_file_would_have_been(run, step, is_xml, location):
    tree = read_data_set(A.data_set, transfer_syntax(A.transfer_syntax_uid))
    tree.elements[0x7FE00010] = ("OW", BulkReference("bulk/1"))
    text = to_xml(tree) if is_xml else metadata()
    kind = "application/dicom+xml" if is_xml else "application/dicom+json"
    body = part(text, kind) + part(PIXELS, "application/octet-stream", location) + ENDING

    async def scenario(rig):
        answer = await rig.store(body, XML if is_xml else JSON, step=step)
        syntax, held, data_set = held_tree(rig)

        assert answer.stored == [A.sop_instance_uid]
        assert syntax == "1.2.840.10008.1.2.1"
        assert data_set.endswith(PIXELS)
        assert set(held.elements) == set(TREE.elements)
        for tag, (vr, value) in TREE.elements.items():
            # Texts came in UTF-8.
            if not isinstance(value, Bulk) and tag != 0x00080005:
                assert held.elements[tag] == (vr, value)

    run(scenario)


def test_bulk_data_may_come_first_and_of_several_instances(run):
    second = metadata("bulk/2", t00080018={"vr": "UI", "Value": ["1.2.3.99"]})
    body = (
        part(PIXELS, "application/octet-stream", "bulk/1")
        + part(metadata(), "application/dicom+json")
        + part(second, "application/dicom+json")
        + part(PIXELS[::-1], "application/octet-stream", "bulk/2")
        + ENDING
    )

    async def scenario(rig):
        answer = await rig.store(body, JSON)

        assert sorted(answer.stored) == sorted([A.sop_instance_uid, "1.2.3.99"])
        assert held_tree(rig)[2].endswith(PIXELS)
        assert held_tree(rig, "1.2.3.99")[2].endswith(PIXELS[::-1])

    run(scenario)


def test_bulk_data_of_items_is_put_in(run):
    waveform = {"vr": "SQ", "Value": [{"54001010": {"vr": "OW", "BulkDataURI": "wave"}}]}
    text = metadata(t7FE00010=None, t54000100=waveform)
    body = part(text, "application/dicom+json") + part(b"\1\2\3\4", "a/b", "wave") + ENDING

    async def scenario(rig):
        await rig.store(body, JSON)
        (item,) = held_tree(rig)[1].items(0x54000100)

        assert item.raw(0x54001010) == b"\1\2\3\4"

    run(scenario)


def test_a_body_that_is_all_metadata_needs_no_parts(run):
    async def scenario(rig):
        answer = await rig.store(metadata(t7FE00010=None), "application/dicom+json")
        assert answer.stored == [A.sop_instance_uid]

    run(scenario)


def test_odd_bulk_data_is_padded(run):
    body = (
        part(metadata(), "application/dicom+json")
        + part(PIXELS[:-1], "application/octet-stream", "bulk/1")
        + ENDING
    )

    async def scenario(rig):
        assert (await rig.store(body, JSON)).status == 200
        assert held_tree(rig)[2].endswith(PIXELS[:-1] + b"\0")

    run(scenario)


def jpeg(marker=0xC0, *, rows=16, columns=32, samples=1, bits=8, selection=0):
    """Write the head of a JPEG image, and something for its scan."""
    frame = bytes([bits]) + rows.to_bytes(2) + columns.to_bytes(2) + bytes([samples])
    frame += bytes([1, 0x11, 0]) * samples
    scan = bytes([samples]) + bytes([1, 0]) * samples + bytes([selection, 63, 0])
    profile = b"\xff\xe2" + (1002).to_bytes(2) + bytes(1000)
    return (
        b"\xff\xd8"
        + profile
        + bytes([0xFF, marker])
        + (len(frame) + 2).to_bytes(2)
        + frame
        + b"\xff\xda"
        + (len(scan) + 2).to_bytes(2)
        + scan
        + b"\x12\x34\xff\xd9"
    )


@pytest.mark.parametrize(
    ("image", "kind", "syntax"),
    [
        (jpeg(0xC0), "image/jpeg", "1.2.840.10008.1.2.4.50"),
        (jpeg(0xC1, bits=12), "image/jpeg", "1.2.840.10008.1.2.4.51"),
        (jpeg(0xC3, selection=1, bits=16), "image/jpeg", "1.2.840.10008.1.2.4.70"),
        (jpeg(0xC3, selection=6), "image/jpeg", "1.2.840.10008.1.2.4.57"),
        (jpeg(0xF7, selection=0), "image/jls", "1.2.840.10008.1.2.4.80"),
        (jpeg(0xF7, selection=2), "image/jls", "1.2.840.10008.1.2.4.81"),
        (b"abc", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        (b"abc", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.90"),
        (
            b"abc",
            "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80",
            "1.2.840.10008.1.2.4.80",
        ),
    ],
)
def test_compressed_pixels_are_put_into_fragments_as_they_are(run, image, kind, syntax):
    body = part(metadata(), "application/dicom+json") + part(image, kind, "bulk/1") + ENDING

    async def scenario(rig):
        answer = await rig.store(body, JSON)
        found, _, data_set = held_tree(rig)

        assert answer.status == 200
        assert found == syntax
        padded = image + b"\0" * (len(image) & 1)
        header = b"\xfe\xff\x00\xe0" + len(padded).to_bytes(4, "little")
        assert data_set.endswith(header + padded + b"\xfe\xff\xdd\xe0\0\0\0\0")

    run(scenario)


def test_the_description_of_an_image_may_be_left_out(run):
    image = jpeg(0xC0, rows=300, columns=400, samples=3)
    left_out = dict.fromkeys(
        ("t00280002", "t00280004", "t00280010", "t00280011", "t00280100", "t00280101", "t00280102")
    )
    text = metadata(**left_out)
    body = part(text, "application/dicom+json") + part(image, "image/jpeg", "bulk/1") + ENDING

    async def scenario(rig):
        await rig.store(body, JSON)
        held = held_tree(rig)[1]

        tags = (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102)
        assert [held.integer(tag) for tag in tags] == [3, 300, 400, 8, 8, 7]
        assert held.text(0x00280004) == "YBR_FULL_422"

    run(scenario)


@pytest.mark.parametrize("places", [("bulk/1",) * 2, ("bulk/1/frames/1", "bulk/1/frames/2")])
def test_each_frame_has_a_part_of_its_own(run, places):
    text = metadata(t00280008={"vr": "IS", "Value": [2]})
    frames = [
        part(jpeg(rows=rows), "image/jpeg", at) for rows, at in zip((8, 9), places, strict=True)
    ]
    body = part(text, "application/dicom+json") + b"".join(frames) + ENDING

    async def scenario(rig):
        answer = await rig.store(body, JSON)

        assert answer.status == 200
        assert held_tree(rig)[2].count(b"\xfe\xff\x00\xe0") == 3

    run(scenario)


@pytest.mark.parametrize(
    ("text", "bulk", "failure"),
    [
        (metadata("elsewhere"), part(PIXELS, "a/b", "bulk/1"), 0xC000),
        (
            metadata(t00280008={"vr": "IS", "Value": [2]}),
            part(jpeg(), "image/jpeg", "bulk/1"),
            0xC000,
        ),
        (metadata(), part(b"no image", "image/jpeg", "bulk/1"), 0xC000),
        (metadata(), part(b"GIF89a", "image/gif", "bulk/1"), 0xC122),
        (metadata(), part(b"", "image/jpeg; transfer-syntax=1.2.3", "bulk/1"), 0xC122),
    ],
)
def test_what_cannot_be_put_together_fails_by_its_name(run, text, bulk, failure):
    async def scenario(rig):
        answer = await rig.store(part(text, "application/dicom+json") + bulk + ENDING, JSON)

        assert answer.status == 409
        assert answer.failed == {A.sop_instance_uid: failure}
        assert rig.held() == []

    run(scenario)


@pytest.mark.parametrize("text", [b"{", b"[1]", b"\xff", b'[{"00100010": 5, "nonsense": 1}]'])
def test_metadata_that_is_none_fails_without_a_name(run, text):
    async def scenario(rig):
        answer = await rig.store(part(text, "application/dicom+json") + ENDING, JSON)

        assert answer.status == 409
        assert answer.others == [0xC000]

    run(scenario)


@pytest.mark.parametrize("name", ["SPOOL_BYTES_MAX", "METADATA_BYTES_MAX"])
def test_what_waits_on_disk_has_a_limit_and_leaves_nothing(run, monkeypatch, name):
    monkeypatch.setattr(composing, name, 100)

    async def scenario(rig):
        answer = await rig.store(part(metadata(), "application/dicom+json") + ENDING, JSON)

        assert answer.status == 413
        assert rig.bench.drafts() == 0

    run(scenario)


def test_a_disk_that_fails_while_it_waits_is_no_success(run):
    async def scenario(rig):
        rig.bench.disk.fault = "write"
        answer = await rig.store(part(metadata(), "application/dicom+json") + ENDING, JSON)

        assert answer.status == 503
        assert rig.held() == []

    run(scenario)


def test_files_and_metadata_may_come_together(run):
    (_, other) = instances(2)
    body = (
        part(file_of(other), "application/dicom")
        + part(metadata(t7FE00010=None), "application/dicom+json")
        + ENDING
    )

    async def scenario(rig):
        answer = await rig.store(body, f"multipart/related; boundary={BOUNDARY}")
        assert sorted(answer.stored) == sorted([other.sop_instance_uid, A.sop_instance_uid])

    run(scenario)
