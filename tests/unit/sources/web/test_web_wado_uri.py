"""WADO-URI: one instance by parameters; files here, pictures by who draws them."""

import pytest
from asgi_client import Client
from encapsulated import EXPLICIT, JPEG, encapsulated, head_of, native
from web_retrieval import IMPLICIT, WebRig, header

from hilum.pipeline.archive.ports import Purpose
from hilum.sources.web import wado_uri
from hilum.sources.web.door import Door, Face
from hilum.sources.web.exchange import Reply
from hilum.sources.web.wado_uri import WADO_URI, WadoUriAnswers

UIDS = {
    "requestType": "WADO",
    "studyUID": "1.2.1",
    "seriesUID": "1.2.1.1",
    "objectUID": "1.2.1.1.1",
}


class Pictures:
    """Says which picture it would draw."""

    async def of_uri(self, _exchange, holding, asked):
        return Reply(200, "image/jpeg", f"{holding.sop_instance_uid} {asked.frame}".encode())


class Asked:
    def __init__(self):
        self.rig = WebRig()
        answers = WadoUriAnswers(self.rig.shelf, Pictures())
        self.client = Client(Door(Face(WADO_URI, "HILUM"), answers.reply, self.rig.events))

    def get(self, method="GET", accept="*/*", **parameters):
        return self.client.ask(
            method, WADO_URI, params=UIDS | parameters, headers={"accept": accept}
        )


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(wado_uri, "can_draw", lambda: True)
    made = Asked()
    yield made
    assert made.rig.payloads.open_now == 0


@pytest.fixture
def image(asked):
    return asked.rig.store(
        head_of(syntax=IMPLICIT) + b"\xe0\x7f\x10\0\x10\0\0\0" + bytes(16), IMPLICIT
    )


@pytest.mark.usefixtures("image")
def test_a_file_is_in_explicit_little_endian_unless_another_syntax_is_named(asked):
    default = asked.get(contentType="application/dicom")
    named = asked.get(contentType="application/dicom", transferSyntax=IMPLICIT)

    assert header(default, "content-type") == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert header(named, "content-type") == f"application/dicom; transfer-syntax={IMPLICIT}"
    assert named.content.endswith(bytes(16))
    assert [one for _, one in asked.rig.archive.asked] == [Purpose.RETRIEVE] * 2


@pytest.mark.usefixtures("image")
def test_an_image_is_a_picture_for_who_asks_for_nothing(asked):
    answer = asked.get(frameNumber="1")

    assert answer.content == b"1.2.1.1.1 1"
    assert asked.rig.archive.asked[0][1] is Purpose.RENDER


def test_what_is_no_image_is_a_file_for_who_asks_for_nothing(asked):
    asked.rig.store(head_of(), EXPLICIT)

    assert asked.get().content[128:132] == b"DICM"


@pytest.mark.usefixtures("image")
def test_without_anybody_who_draws_files_are_what_there_is(asked, monkeypatch):
    monkeypatch.setattr(wado_uri, "can_draw", lambda: False)

    assert asked.get().content[128:132] == b"DICM"


def test_what_is_compressed_is_not_decoded_for_a_file(asked):
    asked.rig.store(head_of() + encapsulated([b"\xff\xd8\xff1"]), JPEG)

    default = asked.get(contentType="application/dicom")
    named = asked.get(contentType="application/dicom", transferSyntax=EXPLICIT)

    assert header(default, "content-type") == f"application/dicom; transfer-syntax={JPEG}"
    assert named.status_code == 406


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"requestType": "XDS"}, 400),
        ({"objectUID": "1.2.9"}, 404),
        ({"studyUID": ""}, 400),
        ({"anonymize": "yes"}, 501),
        ({"contentType": "text/html"}, 406),
    ],
)
def test_what_cannot_be_answered_is_refused(asked, parameters, status):
    assert asked.get(**parameters).status_code == status


@pytest.mark.usefixtures("image")
def test_only_reading_is_taken(asked):
    answer = asked.get(method="POST")

    assert answer.status_code == 405
    assert header(answer, "allow") == "GET, HEAD"


def test_a_native_image_keeps_its_bytes(asked):
    asked.rig.store(head_of() + native(bytes(range(16))), EXPLICIT)

    answer = asked.get(contentType="application/dicom")

    assert answer.content.endswith(bytes(range(16)))


def test_a_video_is_a_file_unless_it_is_asked_for_as_a_video(asked):
    asked.rig.store(head_of(frames=30) + encapsulated([b"stream"]), "1.2.840.10008.1.2.4.102")

    default = asked.get()
    video = asked.get(contentType="video/mp4")
    other = asked.get(contentType="video/mpeg")

    assert header(default, "content-type").startswith("application/dicom")
    assert video.content == b"1.2.1.1.1 None"  # by who answers with pictures
    assert other.status_code == 406
