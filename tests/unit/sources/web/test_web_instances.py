"""RetrieveInstances: the bytes that were stored, in any framing."""

import asyncio
import email
import email.policy
import io
import zipfile

import pytest
from web_retrieval import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, WebRig, header, parts_of

from hilum.dicom.encode import encode_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.syntaxes import transfer_syntax
from hilum.pipeline.archive import recoding, segments
from hilum.pipeline.archive.ports import Purpose
from hilum.sources.web import exporting
from hilum.testing.datasets import instance

DICOM = 'multipart/related; type="application/dicom"'
STORED = f"{DICOM}; transfer-syntax=*"
SINGLE = "application/dicom"
JPEG = "1.2.840.10008.1.2.4.50"


@pytest.fixture
def rig():
    made = WebRig()
    yield made
    assert made.payloads.open_now == 0


def kept(rig, *, number=3, **kwargs):
    """Store a study of some instances."""
    made = [instance(seed=seed, **kwargs) for seed in range(number)]
    for one in made:
        rig.keep(one)
    return made


def study(made):
    return f"/studies/{made.study_instance_uid}"


def path(made):
    return f"{study(made)}/series/{made.series_instance_uid}/instances/{made.sop_instance_uid}"


def opened(content):
    """Take a DICOM file apart: its meta, and its data set."""
    meta = read_file_meta(io.BytesIO(content))
    return meta, content[meta.data_set_offset :]


def test_a_study_comes_back_byte_by_byte(rig):
    made = kept(rig)

    answer = rig.get(study(made[0]), STORED)

    parts = parts_of(answer)
    assert answer.status_code == 200
    assert [opened(content)[1] for _, content in parts] == [one.data_set for one in made]
    assert int(header(answer, "content-length")) == len(answer.content)
    assert parts[0][0]["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert parts[0][0]["content-location"] == f"http://localhost/dicom-web{path(made[0])}"


def test_a_file_has_a_standard_meta_without_anything_of_ours_to_hide(rig):
    (made,) = kept(rig, number=1)

    meta, _ = opened(rig.get(path(made), SINGLE).content)

    assert (meta.sop_class_uid, meta.sop_instance_uid) == (
        made.sop_class_uid,
        made.sop_instance_uid,
    )
    assert meta.transfer_syntax_uid == EXPLICIT
    assert not meta.private_creator_uid
    assert not meta.tolerated


@pytest.mark.parametrize("level", ["series", "instances"])
def test_flat_paths_are_answered_too(rig, level):
    made = kept(rig)[0]
    uid = made.series_instance_uid if level == "series" else made.sop_instance_uid

    parts = parts_of(rig.get(f"/{level}/{uid}", STORED))

    assert len(parts) == (3 if level == "series" else 1)


def test_what_is_not_held_is_not_found(rig):
    made = kept(rig)[0]

    assert rig.get("/studies/1.2.3", STORED).status_code == 404
    assert rig.get(f"/studies/1.2.3/series/{made.series_instance_uid}").status_code == 404


def test_blocks_of_any_size_give_the_same(rig, monkeypatch):
    made = kept(rig, pixel_bytes=2048)
    monkeypatch.setattr(segments, "BLOCK_BYTES", 100)

    parts = parts_of(rig.get(study(made[0]), STORED))

    assert [opened(content)[1] for _, content in parts] == [one.data_set for one in made]


@pytest.mark.parametrize("syntax", [IMPLICIT, DEFLATED, BIG_ENDIAN])
@pytest.mark.parametrize("first_bytes", [recoding.FIRST_BYTES, 200])
def test_who_names_no_syntax_gets_explicit_little_endian(rig, syntax, first_bytes, monkeypatch):
    monkeypatch.setattr(recoding, "FIRST_BYTES", first_bytes)
    made = instance(seed=1)
    tree = read_data_set(made.data_set, transfer_syntax(EXPLICIT))
    bulk = lambda value: value.of(made.data_set)  # noqa: E731 - fits on a line
    rig.store(encode_data_set(tree, transfer_syntax(syntax), bulk=bulk), syntax)

    for accept in (SINGLE, DICOM):
        answer = rig.get(path(made), accept)
        content = answer.content if accept == SINGLE else parts_of(answer)[0][1]
        meta, data_set = opened(content)
        assert meta.transfer_syntax_uid == EXPLICIT
        assert data_set == made.data_set


def test_a_syntax_that_is_named_is_made(rig):
    made = instance(seed=1)
    rig.keep(made)

    answer = rig.get(path(made), f"application/dicom; transfer-syntax={IMPLICIT}")

    assert header(answer, "content-type") == f"application/dicom; transfer-syntax={IMPLICIT}"
    assert opened(answer.content)[1] == instance(seed=1, syntax=IMPLICIT).data_set


def compressed(seed):
    """Give a data set that says it is JPEG; its pixels are none."""
    made = instance(seed=seed, pixel_bytes=16)
    start = made.data_set.index(b"\xe0\x7f\x10\x00OW")
    fragments = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0"
    fragments += b"\xfe\xff\x00\xe0\x04\0\0\0\xff\xd8\xff\xd9" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return made, made.data_set[:start] + fragments


def test_what_is_compressed_goes_out_as_it_is_when_nothing_is_named(rig):
    made, data_set = compressed(1)
    rig.store(data_set, JPEG)

    meta, content = opened(rig.get(path(made), SINGLE).content)

    assert (meta.transfer_syntax_uid, content) == (JPEG, data_set)


def test_what_cannot_be_written_as_accepted_is_refused(rig):
    made, data_set = compressed(1)
    rig.store(data_set, JPEG)

    answer = rig.get(path(made), f"application/dicom; transfer-syntax={EXPLICIT}")

    assert answer.status_code == 406
    assert b"1.2.4.50" in answer.content


def test_some_that_cannot_be_written_as_accepted_are_told_of(rig):
    plain = kept(rig, number=2)
    _, data_set = compressed(7)
    rig.store(data_set, JPEG)

    answer = rig.get(study(plain[0]), f"{DICOM}; transfer-syntax={EXPLICIT}")

    assert answer.status_code == 206
    assert len(parts_of(answer)) == 2
    assert "1 have no transfer syntax" in header(answer, "warning")


def test_what_only_says_that_it_is_uncompressed_goes_out_as_it_is_stored(rig):
    made, data_set = compressed(1)
    rig.store(data_set, EXPLICIT)
    rig.store(*_as_implicit(2))

    answer = rig.get(path(made), SINGLE)
    parts = parts_of(rig.get(study(made), DICOM))

    assert opened(answer.content)[1] == data_set
    assert [opened(content)[0].transfer_syntax_uid for _, content in parts] == [EXPLICIT] * 2


def _as_implicit(seed):
    made = instance(seed=seed, syntax=IMPLICIT)
    return made.data_set, IMPLICIT


def test_a_payload_that_is_gone_is_left_out_and_told(rig):
    made = kept(rig)
    rig.payloads.remove("2.dcm")

    answer = rig.get(study(made[0]), STORED)

    assert answer.status_code == 206
    assert [opened(content)[1] for _, content in parts_of(answer)] == [
        made[0].data_set,
        made[2].data_set,
    ]
    assert "1 cannot be read" in header(answer, "warning")
    assert not header(answer, "etag")
    (event,) = rig.events.named("InstanceSkipped")
    assert event.sop_instance_uid == made[1].sop_instance_uid


@pytest.mark.parametrize("accept", [SINGLE, STORED, "application/zip"])
def test_a_payload_that_ends_too_early_cuts_the_answer_off_or_is_a_fault(rig, accept):
    (made,) = kept(rig, number=1, pixel_bytes=3 << 20)
    rig.payloads.shorten("1.dcm", by=10)

    answer = rig.get(path(made), accept)

    assert len(answer.content) < int(header(answer, "content-length"))
    assert rig.events.named("RequestFailed")


def test_nothing_that_can_be_read_is_a_fault_of_ours(rig):
    (made,) = kept(rig, number=1)
    rig.payloads.remove("1.dcm")

    assert rig.get(path(made), SINGLE).status_code == 503
    assert rig.get(study(made), STORED).status_code == 503


def test_a_payload_that_is_cut_is_a_fault_of_ours(rig):
    (made,) = kept(rig, number=1)
    rig.payloads.damage("1.dcm")

    assert rig.get(path(made), SINGLE).status_code == 500


def test_a_range_of_an_instance_is_a_part_of_its_file(rig):
    (made,) = kept(rig, number=1)
    whole = rig.get(path(made), SINGLE)

    answer = rig.get(path(made), SINGLE, range="bytes=300-999")
    tail = rig.get(path(made), SINGLE, range="bytes=-10", if_range=header(whole, "etag"))
    other = rig.get(path(made), SINGLE, range="bytes=-10", if_range='"other"')

    assert (answer.status_code, answer.content) == (206, whole.content[300:1000])
    assert header(answer, "content-range") == f"bytes 300-999/{len(whole.content)}"
    assert (tail.status_code, tail.content) == (206, whole.content[-10:])
    assert (other.status_code, other.content) == (200, whole.content)


def test_several_ranges_of_an_instance_are_parts_that_say_where_they_are_from(rig):
    (made,) = kept(rig, number=1, pixel_bytes=3 << 20)
    whole = rig.get(path(made), SINGLE)
    size = len(whole.content)

    answer = rig.get(path(made), SINGLE, range="bytes=-5, 300-1999999, 0-9")

    assert answer.status_code == 206
    assert header(answer, "content-length") == str(len(answer.content))
    head = f"Content-Type: {header(answer, 'content-type')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/byteranges"
    parts = list(message.iter_parts())
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-9/{size}",
        f"bytes 300-1999999/{size}",
        f"bytes {size - 5}-{size - 1}/{size}",
    ]
    kind = f"Content-Type: {header(whole, 'content-type')}\r\n".encode()
    assert answer.content.count(kind) == 3
    boundary = message.get_boundary().encode()
    bodies = [one.partition(b"\r\n\r\n")[2] for one in answer.content.split(b"--" + boundary)[1:]]
    expected = [whole.content[:10], whole.content[300:2000000], whole.content[-5:]]
    assert [one.removesuffix(b"\r\n") for one in bodies[:-1]] == expected


def test_ranges_that_touch_are_one(rig):
    (made,) = kept(rig, number=1)
    whole = rig.get(path(made), SINGLE)

    answer = rig.get(path(made), SINGLE, range="bytes=0-9,5-20")

    assert (answer.status_code, answer.content) == (206, whole.content[:21])
    assert header(answer, "content-range") == f"bytes 0-20/{len(whole.content)}"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=9999999-", 416),
        ("bytes=5-2", 200),
        ("bytes=" + "0-1," * 500, 200),
        ("bytes=0-0,5-6", 206),
        ("bytes=0-0,9999999-", 206),
        ("bytes=" + "0-1," * 17, 200),
        ("bytes=0-99999999999999999", 206),
        ("lines=1-2", 200),
        ("bytes=-0", 416),
    ],
)
def test_odd_ranges_are_answered(rig, asked, status):
    (made,) = kept(rig, number=1)

    assert rig.get(path(made), SINGLE, range=asked).status_code == status


def test_who_has_it_gets_nothing(rig):
    made = kept(rig)

    for where, accept in ((path(made[0]), SINGLE), (study(made[0]), STORED)):
        tag = header(rig.get(where, accept), "etag")
        answer = rig.get(where, accept, if_none_match=tag)
        assert (answer.status_code, answer.content) == (304, b"")
        assert rig.get(where, accept, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize(
    ("wanted", "status"), [("*", 200), ('"other", {tag}', 200), ('"other"', 412), ("W/{tag}", 412)]
)
def test_who_wants_only_the_answer_it_knows_is_told_when_there_is_another(rig, wanted, status):
    (made,) = kept(rig, number=1)
    tag = header(rig.get(path(made), SINGLE), "etag")

    answer = rig.get(path(made), SINGLE, if_match=wanted.format(tag=tag))

    assert answer.status_code == status


def test_boundaries_are_of_chance(rig):
    made = kept(rig)

    types = {header(rig.get(study(made[0]), STORED), "content-type") for _ in range(3)}

    assert len(types) == 3


def test_a_head_opens_nothing_for_long(rig):
    made = kept(rig)

    answer = rig.client.ask("HEAD", f"/dicom-web{study(made[0])}", headers={"accept": STORED})

    assert answer.content == b""
    assert int(header(answer, "content-length")) > 3 * 8192


def test_who_stops_reading_leaves_nothing_open(rig):
    made = kept(rig, number=2, pixel_bytes=2 << 20)
    entries = [f"{number}.dcm" for number in (1, 2)]
    body = [b"head", *[segments.Run(one, 0, len(made[0].data_set)) for one in entries]]

    async def stop():
        blocks = rig.shelf.streamer.blocks(body)
        await anext(blocks)
        assert rig.payloads.open_now == 1
        await blocks.aclose()

    asyncio.run(stop())

    assert rig.payloads.open_now == 0


def test_a_study_is_a_zip_for_who_wants_that(rig):
    made = kept(rig, number=2)
    made.append(instance(seed=9, series=1))
    rig.keep(made[-1])

    answer = rig.get(study(made[0]), "application/zip")

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert [(one.filename, opened(archive.read(one))[1]) for one in archive.infolist()] == [
        (f"ST000001/SE000001/{made[0].sop_instance_uid}.dcm", made[0].data_set),
        (f"ST000001/SE000001/{made[1].sop_instance_uid}.dcm", made[1].data_set),
        (f"ST000001/SE000002/{made[2].sop_instance_uid}.dcm", made[2].data_set),
    ]
    assert int(header(answer, "content-length")) == len(answer.content)
    assert f"{made[0].study_instance_uid}.zip" in header(answer, "content-disposition")


def test_large_files_have_their_checksum_behind_them(rig, monkeypatch):
    monkeypatch.setattr(exporting, "_CHECKSUM_FIRST_BYTES_MAX", 100)
    made = kept(rig, number=2)

    answer = rig.get(study(made[0]), "application/zip")

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert int(header(answer, "content-length")) == len(answer.content)


def test_a_zip_says_what_is_not_in_it(rig):
    made = kept(rig)
    rig.payloads.remove("2.dcm")

    answer = rig.get(study(made[0]), "application/zip")

    assert answer.status_code == 206
    assert len(zipfile.ZipFile(io.BytesIO(answer.content)).infolist()) == 2


def test_the_archive_is_told_what_it_is_for(rig):
    made = kept(rig)

    for accept in (STORED, "application/zip"):
        rig.get(study(made[0]), accept)

    assert [purpose for _, purpose in rig.archive.asked] == [Purpose.RETRIEVE, Purpose.EXPORT]
