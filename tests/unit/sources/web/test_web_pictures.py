import asyncio
import json

import imagecodecs
import numpy as np
import pytest
from pixel_data_sets import JPEG_LS, image_builder
from web_pictures import INSTANCE, REPORT, SERIES, STUDY, PictureRig, encapsulated, shades_of, shown
from web_retrieval import header, parts_of

from hilum.dicom.building import DataSetBuilder
from hilum.dicomweb.resource import Place
from hilum.dicomweb.wado_uri import wado_uri_of
from hilum.imaging.refusal import NoPicture
from hilum.pipeline.archive.at_hand import AtHand
from hilum.pipeline.archive.ports import Purpose
from hilum.pipeline.drawing.studio import StudioBusy
from hilum.query.level import Level
from hilum.sources.web import picture_refusal
from hilum.sources.web.caller import EVERYTHING, HttpCaller
from hilum.sources.web.exchange import Exchange
from hilum.testing.scripted_archive import ScriptedSupply

AT_STUDY = f"/studies/{STUDY}"
AT_SERIES = f"{AT_STUDY}/series/{SERIES}"
AT = f"{AT_SERIES}/instances/{INSTANCE}"
MPEG_4 = "1.2.840.10008.1.2.4.102"
ANY = "*/*"


@pytest.fixture
def rig():
    return PictureRig()


def told(answer):
    return json.loads(answer.content)["detail"]


def test_an_image_is_one_picture(rig):
    rig.hold_gray(7)

    answer = rig.get(f"{AT}/rendered", "image/png")

    assert (answer.status_code, header(answer, "content-type")) == (200, "image/png")
    assert shown(answer.content) == [[7, 7], [7, 7]]
    assert rig.archive.asked[0][1] is Purpose.RENDER


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (ANY, "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/gif", "image/gif"),
        ("image/jp2", "image/jp2"),
        ("image/webp, image/png;q=0.9", "image/png"),
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/png"),
    ],
)
def test_a_picture_is_of_the_type_that_is_liked_most(rig, accept, content_type):
    rig.hold_gray(7)

    assert header(rig.get(f"{AT}/rendered", accept), "content-type") == content_type


def test_what_cannot_be_made_is_not_acceptable(rig):
    rig.hold_gray(7)

    answer = rig.get(f"{AT}/rendered", "image/webp")

    assert answer.status_code == 406
    assert "image/jpeg" in told(answer)


def test_several_frames_come_in_parts_that_say_where_they_are_from(rig):
    rig.hold_gray(1, 2, 3)

    answer = rig.get(f"{AT}/rendered", 'multipart/related; type="image/png"')

    parts = parts_of(answer)
    assert [shown(content)[0][0] for _, content in parts] == [1, 2, 3]
    assert parts[2][0]["content-location"].endswith(f"/dicom-web{AT}/frames/3/rendered")
    assert rig.payloads.open_now == 0


def test_several_frames_may_move(rig):
    rig.hold_gray(10, 200, 90)

    answer = rig.get(f"{AT}/rendered", "image/gif")

    assert header(answer, "content-type") == "image/gif"
    assert shades_of(answer.content) == [10, 200, 90]
    assert rig.payloads.open_now == 0


def test_several_frames_are_not_one_still_picture(rig):
    rig.hold_gray(1, 2)

    answer = rig.get(f"{AT}/rendered", "image/jpeg")

    assert answer.status_code == 406
    assert "frames/1/rendered" in told(answer)


def test_frames_are_drawn_in_the_order_that_was_asked_for(rig):
    rig.hold_gray(1, 2, 3)

    answer = rig.get(f"{AT}/frames/3,1/rendered", 'multipart/related; type="image/png"')

    assert [shown(content)[0][0] for _, content in parts_of(answer)] == [3, 1]


def test_one_frame_is_a_picture_alone(rig):
    rig.hold_gray(1, 2, 3)

    assert shown(rig.get(f"{AT}/frames/2/rendered", "image/png").content)[0][0] == 2


def test_a_frame_that_is_not_there_is_not_found(rig):
    rig.hold_gray(1, 2)

    answer = rig.get(f"{AT}/frames/3/rendered")

    assert (answer.status_code, told(answer)) == (404, "frame 3: the instance has 2")
    assert rig.payloads.open_now == 0


def test_a_window_and_a_viewport_are_heard(rig):
    rig.hold(image_builder(rows=1, columns=4), bytes([0, 50, 100, 150]))
    parameters = "window=75,51,linear&viewport=2,2,1,0,2,1"

    answer = rig.client.get(
        f"/dicom-web{AT}/rendered",
        params=[pair.split("=") for pair in parameters.split("&")],
        headers={"accept": "image/png"},
    )

    assert shown(answer.content) == [[3, 255]]


@pytest.mark.parametrize(
    "parameters",
    [{"window": "1,2"}, {"viewport": "0,0"}, {"viewport": "9,9,5,5"}, {"quality": "0"}],
)
def test_parameters_without_a_meaning_are_a_bad_request(rig, parameters):
    rig.hold_gray(7)

    answer = rig.client.get(f"/dicom-web{AT}/rendered", params=parameters)

    assert answer.status_code == 400


def test_a_series_is_all_its_pictures_and_what_has_none_is_left_out(rig):
    rig.hold_gray(1, 2, instance="1.1")
    rig.hold(DataSetBuilder().texts(0x00080016, REPORT), instance="1.2")
    rig.hold_gray(3, instance="1.3")
    rig.hold(image_builder(rows=9), b"\1\1", instance="1.4")

    answer = rig.get(f"{AT_SERIES}/rendered", 'multipart/related; type="image/png"')

    assert [shown(content)[0][0] for _, content in parts_of(answer)] == [1, 2, 3]
    assert rig.payloads.open_now == 0


def test_a_study_without_pictures_says_why(rig):
    rig.hold(DataSetBuilder().texts(0x00080016, REPORT), instance="1.1")
    rig.hold(DataSetBuilder().texts(0x00080016, REPORT), instance="1.2")

    for resource in ("rendered", "thumbnail"):
        answer = rig.get(f"{AT_STUDY}/{resource}")

        assert answer.status_code == 406
        assert "no pixels" in told(answer)
    assert rig.payloads.open_now == 0


def test_what_is_not_held_is_not_found(rig):
    assert rig.get(f"{AT}/rendered").status_code == 404
    assert rig.get(f"{AT_STUDY}/thumbnail").status_code == 404


def test_damaged_pixels_are_a_conflict_and_no_fault_of_ours(rig):
    rig.hold(image_builder(), [b"\xff\xd8nonsense"], syntax=JPEG_LS)

    answer = rig.get(f"{AT}/rendered")

    assert answer.status_code == 409
    assert "JPEG" in told(answer)
    assert rig.payloads.open_now == 0


def test_a_video_is_given_as_it_is_to_who_takes_it(rig, monkeypatch):
    rig.hold(image_builder(frames=300), [b"stre", b"am"], syntax=MPEG_4)
    monkeypatch.setattr(picture_refusal, "can_draw", lambda: False)

    for at, accept in ((AT, "video/mp4"), (AT, ANY), (AT_STUDY, "video/*;q=0.5, image/webp")):
        answer = rig.get(f"{at}/rendered", accept)

        assert (answer.status_code, answer.content) == (200, b"stream")
        assert header(answer, "content-type") == "video/mp4"
    part = rig.get(f"{AT}/rendered", "video/mp4", range="bytes=2-")
    assert (part.status_code, part.content) == (206, b"ream")
    assert rig.payloads.open_now == 0


def test_a_video_has_no_pictures(rig):
    rig.hold(image_builder(frames=300), [b"stream"], syntax=MPEG_4)

    still = rig.get(f"{AT}/rendered", "image/jpeg")
    frame = rig.get(f"{AT}/frames/7/rendered")
    address = f"/dicom-web{AT}/rendered"
    changed = rig.client.get(address, params={"viewport": "10,10"})

    assert (still.status_code, "video/mp4" in told(still)) == (406, True)
    assert (frame.status_code, "video" in told(frame)) == (406, True)
    assert (changed.status_code, "as it is stored" in told(changed)) == (406, True)
    assert rig.get(f"{AT}/thumbnail").status_code == 406


def test_a_crowd_is_told_to_come_again(rig):
    rig.hold_gray(7)
    rig.studio.fault = StudioBusy("more pictures are wanted than can be drawn now; come again")

    answer = rig.get(f"{AT}/rendered")

    assert (answer.status_code, header(answer, "retry-after")) == (503, "2")


def test_without_the_extra_its_name_is_told(rig, monkeypatch):
    monkeypatch.setattr(picture_refusal, "can_draw", lambda: False)
    rig.hold_gray(7)

    for resource in ("rendered", "thumbnail"):
        answer = rig.get(f"{AT}/{resource}")

        assert (answer.status_code, "hilum[pixels]" in told(answer)) == (501, True)


def test_who_has_the_picture_is_not_sent_it_again(rig):
    rig.hold_gray(7)
    tag = header(rig.get(f"{AT}/rendered"), "etag")
    drawn = rig.studio.drawn

    again = rig.get(f"{AT}/rendered", if_none_match=tag)
    other = rig.get(f"{AT}/thumbnail", if_none_match=tag)

    assert (again.status_code, header(again, "etag")) == (304, tag)
    assert (other.status_code, rig.studio.drawn) == (200, drawn + 1)
    assert rig.payloads.open_now == 0


def test_who_wants_words_in_the_picture_is_told_that_there_are_none(rig):
    rig.hold_gray(7)

    plain = rig.get(f"{AT}/rendered")
    asked = rig.client.get(f"/dicom-web{AT}/rendered", params={"annotation": "patient"})

    assert asked.content == plain.content
    assert header(plain, "warning") == ""
    assert "annotation parameter is not supported" in header(asked, "warning")


def test_fragments_become_frames_by_their_table(rig):
    """The second frame is in two fragments; without the table nobody could tell."""
    frames = [imagecodecs.jpegls_encode(np.full((2, 2), shade, np.uint8)) for shade in (5, 6)]
    frames = [one + bytes(len(one) % 2) for one in frames]
    first, second = frames
    rig.hold(image_builder(frames=2), [first, second[:20], second[20:]], syntax=JPEG_LS)
    with_table = encapsulated([first, second[:20], second[20:]], (0, 8 + len(first)))

    held = rig.archive.held[0]
    whole = rig.payloads._contents[held.path]
    start = whole.index(b"\xe0\x7f\x10\0OB")
    rig.payloads.put(held.path, whole[:start] + with_table)

    assert shown(rig.get(f"{AT}/frames/2/rendered", "image/png").content)[0][0] == 6


@pytest.mark.parametrize("cut", [(), (20,)])
def test_fragments_become_frames_by_how_codestreams_begin(rig, cut):
    frames = [imagecodecs.jpegls_encode(np.full((2, 2), shade, np.uint8)) for shade in (5, 6)]
    first, second = [one + bytes(len(one) % 2) for one in frames]
    pieces = [second[: cut[0]], second[cut[0] :]] if cut else [second]
    rig.hold(image_builder(frames=2), [first, *pieces], syntax=JPEG_LS)

    assert shown(rig.get(f"{AT}/frames/2/rendered", "image/png").content)[0][0] == 6


def test_frames_are_decoded_for_who_takes_no_compressed_ones(rig):
    frames = [imagecodecs.jpegls_encode(np.full((2, 2), shade, np.uint16)) for shade in (5, 600)]
    rig.hold(
        image_builder(frames=2, allocated=16),
        [one + bytes(len(one) % 2) for one in frames],
        syntax=JPEG_LS,
    )

    answer = rig.get(f"{AT}/frames/2", "application/octet-stream")

    assert (answer.status_code, answer.content) == (200, b"\x58\x02" * 4)
    assert rig.decoder.knows(JPEG_LS)
    assert not rig.decoder.knows("1.2.840.10008.1.2.4.100")
    assert not rig.decoder.knows("1.2.840.10008.1.2.1")


def test_a_frame_that_cannot_be_decoded_is_refused_as_plain_bytes(rig):
    rig.hold(image_builder(), [b"\xff\xd8nonsense"], syntax=JPEG_LS)

    answer = rig.get(f"{AT}/frames/1", "application/octet-stream")

    assert answer.status_code == 409
    assert "JPEG" in told(answer)


def test_fragments_that_nobody_can_tell_apart_are_a_conflict(rig):
    rig.hold(image_builder(frames=2), [b"\1\2", b"\3\4", b"\5\6"], syntax=JPEG_LS)

    assert "3 fragments" in told(rig.get(f"{AT}/frames/1/rendered"))


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
)
def test_pictures_are_made_in_every_uncompressed_syntax(rig, syntax):
    rig.hold(image_builder(frames=2), bytes([5] * 4 + [6] * 4), syntax=syntax)

    assert shown(rig.get(f"{AT}/frames/2/rendered", "image/png").content) == [[6, 6], [6, 6]]


# Thumbnails.


def test_a_thumbnail_is_small(rig):
    rig.hold(image_builder(rows=400, columns=800), bytes(320_000))

    answer = rig.get(f"{AT}/thumbnail", "image/png")

    assert np.shape(shown(answer.content)) == (100, 200)


def test_a_thumbnail_has_the_size_that_is_asked_for_and_nothing_else(rig):
    rig.hold(image_builder(rows=40, columns=80), bytes(3200))

    sized = rig.client.get(f"/dicom-web{AT}/thumbnail", params={"viewport": "20,20"})
    part = rig.client.get(f"/dicom-web{AT}/thumbnail", params={"viewport": "20,20,1,1"})

    assert np.shape(shown(sized.content)) == (10, 20)
    assert part.status_code == 400


def test_the_middle_stands_for_a_series(rig):
    for number in range(5):
        rig.hold_gray(number, instance=f"1.{number + 1}")

    assert shown(rig.get(f"{AT_SERIES}/thumbnail", "image/png").content)[0][0] == 2


def test_for_the_thumbnail_of_a_series_elsewhere_one_instance_is_brought(rig, monkeypatch):
    held = [rig.hold_gray(number, instance=f"1.{number + 1}") for number in range(5)]
    whole = ScriptedSupply(held)
    asked = []

    async def supply(retrieval, _asker, _purpose, **_):
        asked.append(retrieval.keys.get(Level.IMAGE))
        if retrieval.level is not Level.IMAGE:
            return whole
        return AtHand([one for one in held if one.sop_instance_uid in asked[-1]])

    monkeypatch.setattr(rig.archive, "supply", supply)

    answer = rig.get(f"{AT_SERIES}/thumbnail", "image/png")

    assert shown(answer.content)[0][0] == 2
    assert asked == [None, ("1.3",)]
    assert whole.is_closed


def test_the_longest_series_of_images_stands_for_a_study(rig):
    for number in range(9):
        rig.hold(DataSetBuilder().texts(0x00080016, REPORT), series="2.1", instance=f"2.1.{number}")
    rig.hold_gray(9, series="2.2", instance="2.2.1")
    for number in range(3):
        rig.hold_gray(number, series="2.3", instance=f"2.3.{number}")

    assert shown(rig.get(f"{AT_STUDY}/thumbnail", "image/png").content)[0][0] == 1


def test_the_middle_frame_stands_for_an_instance_and_one_that_is_named_for_itself(rig):
    rig.hold_gray(1, 2, 3)

    assert shown(rig.get(f"{AT}/thumbnail", "image/png").content)[0][0] == 2
    assert shown(rig.get(f"{AT}/frames/3/thumbnail", "image/png").content)[0][0] == 3


def test_another_one_stands_for_what_cannot_be_drawn(rig):
    rig.hold_gray(1, instance="1.1")
    rig.hold(image_builder(rows=9), b"\1\1", instance="1.2")
    rig.hold_gray(3, instance="1.3")

    assert shown(rig.get(f"{AT_SERIES}/thumbnail", "image/png").content)[0][0] == 1


def test_a_reader_that_leaves_leaves_nothing_open(rig):
    rig.hold_gray(1, 2, 3)

    answer = rig.client.ask("HEAD", f"/dicom-web{AT}/rendered", headers={"accept": "image/gif"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert rig.payloads.open_now == 0


# WADO-URI.


def uri(rig, **parameters):
    named = {"requestType": "WADO", "studyUID": STUDY, "seriesUID": SERIES, "objectUID": INSTANCE}
    asked = wado_uri_of(tuple({**named, **parameters}.items()), ANY)
    scope = {"method": "GET", "raw_path": b"/wado", "query_string": b"", "headers": []}
    exchange = Exchange(
        scope, None, caller=HttpCaller("", "", EVERYTHING), root=None, entity="HILUM"
    )
    assert asked.place == Place(STUDY, SERIES, INSTANCE)
    return asyncio.run(rig.picturing.of_uri(exchange, rig.archive.held[0], asked))


def test_wado_uri_gets_a_part_of_a_frame(rig):
    rig.hold(image_builder(rows=1, columns=4, frames=2), bytes([0, 0, 0, 0, 1, 2, 3, 4]))

    reply = uri(rig, frameNumber="2", region="0.5,0,1,1", contentType="image/png")

    assert (reply.content_type, shown(reply.body)) == ("image/png", [[3, 4]])


def test_wado_uri_gets_one_still_picture_of_several_frames(rig):
    rig.hold_gray(5, 6)

    assert shown(uri(rig, contentType="image/png").body)[0][0] == 5


def test_what_wado_uri_cannot_show_is_refused(rig):
    rig.hold(DataSetBuilder().texts(0x00080016, REPORT))

    with pytest.raises(Exception, match="no pixels") as refused:
        uri(rig, contentType="image/jpeg")

    assert refused.value.status == 406
    assert isinstance(refused.value.__cause__, NoPicture)
