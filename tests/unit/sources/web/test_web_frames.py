"""RetrieveFrames: pixels as they are stored, in every framing, and refusals that say why."""

import pytest
from encapsulated import EXPLICIT, JPEG, encapsulated, head_of, native
from web_retrieval import WebRig, header, parts_of

from hilum.dicomweb.refusal import RequestRefused

PATH = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
OCTETS = 'multipart/related; type="application/octet-stream"'
JPEGS = 'multipart/related; type="image/jpeg"'
STREAMS = [b"\xff\xd8\xff1", b"\xff\xd8\xff22 ", b"\xff\xd8\xff3"]
MPEG4 = "1.2.840.10008.1.2.4.102"
BIG_ENDIAN = "1.2.840.10008.1.2.2"


class Decoder:
    """Decodes by adding a mark."""

    def __init__(self):
        self.breaks_at = b"none"

    def knows(self, syntax):
        return syntax == JPEG

    async def of(self, holding):
        assert holding.sop_instance_uid == "1.2.1.1.1"

        async def decode(content):
            if self.breaks_at in content:
                raise RequestRefused(409, "its bytes are damaged")
            return b"plain " + content

        return decode


@pytest.fixture
def rig():
    made = WebRig(decoder=Decoder())
    yield made
    assert made.payloads.open_now == 0


@pytest.fixture
def compressed(rig):
    return rig.store(head_of(frames=3) + encapsulated(STREAMS), JPEG)


@pytest.fixture
def plain(rig):
    return rig.store(head_of(frames=3) + native(bytes(range(48))), EXPLICIT)


@pytest.mark.usefixtures("plain")
def test_native_frames_are_parts_with_their_addresses(rig):
    answer = rig.get(f"{PATH}/frames/3,1", OCTETS)

    parts = parts_of(answer)
    assert [content for _, content in parts] == [bytes(range(32, 48)), bytes(range(16))]
    assert parts[0][0] == {
        "content-type": f"application/octet-stream; transfer-syntax={EXPLICIT}",
        "content-location": f"http://localhost/dicom-web{PATH}/frames/3",
    }
    assert int(header(answer, "content-length")) == len(answer.content)


@pytest.mark.usefixtures("plain")
def test_a_frame_alone_needs_no_parts(rig):
    answer = rig.get(f"{PATH}/frames/2", "application/octet-stream")

    assert answer.content == bytes(range(16, 32))
    part = rig.get(f"{PATH}/frames/2", "application/octet-stream", range="bytes=4-5")
    assert (part.status_code, part.content) == (206, bytes((20, 21)))
    assert rig.get(f"{PATH}/frames/1,2", "application/octet-stream").status_code == 406


@pytest.mark.parametrize("accept", [JPEGS, "*/*", "image/*", 'multipart/related; type="image/*"'])
@pytest.mark.usefixtures("compressed")
def test_compressed_frames_come_as_they_are_stored(rig, accept):
    answer = rig.get(f"{PATH}/frames/2", accept)

    if accept == "image/*":
        assert answer.content == STREAMS[1]
        return
    ((headers, content),) = parts_of(answer)
    assert content == STREAMS[1]
    assert headers["content-type"] == f"image/jpeg; transfer-syntax={JPEG}"


@pytest.mark.usefixtures("compressed")
def test_compressed_frames_as_bytes_for_who_names_their_syntax(rig):
    answer = rig.get(f"{PATH}/frames/1", f"{OCTETS}; transfer-syntax={JPEG}")

    ((headers, content),) = parts_of(answer)
    assert content == STREAMS[0]
    assert headers["content-type"] == f"application/octet-stream; transfer-syntax={JPEG}"


@pytest.mark.usefixtures("compressed")
def test_who_takes_bytes_only_gets_decoded_frames(rig):
    many = rig.get(f"{PATH}/frames/1,3", OCTETS)
    alone = rig.get(f"{PATH}/frames/1", "application/octet-stream")

    assert [content for _, content in parts_of(many)] == [
        b"plain " + STREAMS[0],
        b"plain " + STREAMS[2],
    ]
    assert alone.content == b"plain " + STREAMS[0]


@pytest.mark.usefixtures("compressed")
def test_a_frame_that_cannot_be_decoded_can_still_be_had_as_it_is(rig):
    rig.decoder.breaks_at = b"1"

    answer = rig.get(f"{PATH}/frames/1", OCTETS)

    assert answer.status_code == 409
    assert b"damaged" in answer.content
    assert rig.get(f"{PATH}/frames/1", JPEGS).status_code == 200


def test_without_a_decoder_bytes_of_what_is_compressed_are_refused():
    rig = WebRig()
    rig.store(head_of(frames=3) + encapsulated(STREAMS), JPEG)

    answer = rig.get(f"{PATH}/frames/1", OCTETS)

    assert answer.status_code == 406
    assert b"image/jpeg" in answer.content


@pytest.mark.parametrize("fixture", ["plain", "compressed"])
@pytest.mark.parametrize("numbers", ["4", "1,2,3,4", "999999999", "1," * 1000 + "4"])
def test_frames_beyond_the_end_are_not_found(rig, fixture, numbers, request):
    request.getfixturevalue(fixture)

    answer = rig.get(f"{PATH}/frames/{numbers}")

    assert answer.status_code == 404
    assert b"3 frames" in answer.content


@pytest.mark.parametrize("numbers", ["0", "-1", "1,", "a", "1-3", "1," * 2000])
@pytest.mark.usefixtures("plain")
def test_what_is_no_number_is_refused(rig, numbers):
    assert rig.get(f"{PATH}/frames/{numbers}").status_code in {400, 414}


def test_an_instance_without_pixels_has_no_frames(rig):
    rig.store(head_of(), EXPLICIT)

    answer = rig.get(f"{PATH}/frames/1")

    assert answer.status_code == 404
    assert b"no pixels" in answer.content


def test_frames_that_cannot_be_told_apart_are_not_found_and_pixels_are(rig):
    rig.store(head_of(frames=3) + encapsulated([b"a1", b"b1", b"c1", b"d1"]), JPEG)

    frame = rig.get(f"{PATH}/frames/1")
    pixels = rig.get(f"{PATH}/pixeldata")

    assert frame.status_code == 404
    assert b"nothing says in which" in frame.content
    assert [content for _, content in parts_of(pixels)] == [b"a1b1c1d1"]


def test_a_video_is_one_frame(rig):
    rig.store(head_of(frames=300) + encapsulated([b"mp", b"eg"]), MPEG4)

    assert rig.get(f"{PATH}/frames/1", "video/*").content == b"mpeg"
    assert rig.get(f"{PATH}/frames/1", "video/mp4").content == b"mpeg"
    beyond = rig.get(f"{PATH}/frames/2", "video/*")
    assert (beyond.status_code, b"one video stream" in beyond.content) == (404, True)


@pytest.mark.parametrize(
    ("syntax", "media_type"),
    [
        ("1.2.840.10008.1.2.4.50", "image/jpeg"),
        ("1.2.840.10008.1.2.4.70", "image/jpeg"),
        ("1.2.840.10008.1.2.4.80", "image/jls"),
        ("1.2.840.10008.1.2.4.91", "image/jp2"),
        ("1.2.840.10008.1.2.4.93", "image/jpx"),
        ("1.2.840.10008.1.2.4.201", "image/jphc"),
        ("1.2.840.10008.1.2.4.112", "image/jxl"),
        ("1.2.840.10008.1.2.5", "image/dicom-rle"),
        ("1.2.840.10008.1.2.4.100", "video/mpeg"),
        ("1.2.840.10008.1.2.4.106", "video/mp4"),
        ("1.2.840.10008.1.2.4.108", "video/h265"),
    ],
)
def test_one_frame_is_given_alone_as_stored_by_its_own_type(rig, syntax, media_type):
    rig.store(head_of() + encapsulated([b"compressed"]), syntax)

    answer = rig.get(f"{PATH}/frames/1", media_type)

    assert (answer.status_code, answer.content) == (200, b"compressed")
    assert header(answer, "content-type") == f"{media_type}; transfer-syntax={syntax}"
    others = [one for one in ("image/jpeg", "image/jls", "video/mp4") if one != media_type]
    for other in others:
        assert rig.get(f"{PATH}/frames/1", other).status_code == 406


def test_big_endian_frames_are_given_in_little_endian(rig):
    little = head_of(frames=2, bits=16, rows=1, columns=4, syntax=EXPLICIT)
    del little
    head = head_of(frames=2, bits=16, rows=1, columns=4, syntax=BIG_ENDIAN)
    pixels = b"\x7f\xe0\x00\x10OW\0\0\0\0\0\x10" + bytes(range(16))
    rig.store(head + pixels, BIG_ENDIAN)

    content = rig.get(f"{PATH}/frames/2", "application/octet-stream").content

    assert content == bytes((9, 8, 11, 10, 13, 12, 15, 14))


@pytest.mark.usefixtures("plain")
def test_who_has_a_frame_gets_nothing(rig):
    tag = header(rig.get(f"{PATH}/frames/1", OCTETS), "etag")

    assert rig.get(f"{PATH}/frames/1", OCTETS, if_none_match=tag).status_code == 304
    assert rig.get(f"{PATH}/frames/2", OCTETS, if_none_match=tag).status_code == 200


@pytest.mark.usefixtures("plain")
def test_a_payload_that_is_gone_is_a_fault_of_ours(rig):
    assert rig.get(f"{PATH}/frames/1").status_code == 200
    rig.payloads.remove("1.dcm")

    assert rig.get(f"{PATH}/frames/1").status_code == 503
