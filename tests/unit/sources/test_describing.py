"""Metadata over HTTP."""

from datetime import UTC, datetime

import pytest
from asgi_client import Client
from web_archive import WebArchive

from hilum.dicomweb.resource import RetrieveMetadata
from hilum.kernel.telemetry import Silence
from hilum.ledger.holdings import Holding
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.sources.web.describing import Describing
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.shelf import Shelf

XML = 'multipart/related; type="application/dicom+xml"'


def holding(at, digest=b"d"):
    return Holding(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"1.2.3.4.{at}",
        series_instance_uid="1.2.3.4",
        study_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=10,
        path="x",
        version=1,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        digest=digest,
    )


def client(archive):
    describing = Describing(archive, Shelf(archive, None, Silence()))
    return Client(WebDoor(Face("/dicom-web", "HILUM"), {RetrieveMetadata: describing}, Silence()))


def archive_of(number, **more):
    return WebArchive(held=[holding(at) for at in range(number)], **more)


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/studies/1.2.3", Level.STUDY),
        ("/studies/1.2.3/series/1.2.3.4", Level.SERIES),
        ("/series/1.2.3.4", Level.SERIES),
        ("/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.0", Level.IMAGE),
        ("/instances/1.2.3.4.0", Level.IMAGE),
    ],
)
def test_each_level_is_described(path, level):
    archive = archive_of(1)

    [described] = client(archive).get(f"/dicom-web{path}/metadata").json()

    assert described["00080018"]["Value"] == ["1.2.3.4.0"]
    [(retrieval, purpose)] = archive.retrievals
    assert (retrieval.level, purpose) == (level, Purpose.METADATA)


@pytest.mark.parametrize("number", [1, 3, 9])
def test_all_instances_are_in_one_array(number):
    answer = client(archive_of(number)).get("/dicom-web/studies/1.2.3/metadata")

    assert len(answer.json()) == number
    assert answer.headers[b"content-type"] == b"application/dicom+json"


def test_what_is_not_held_is_not_found():
    answer = client(archive_of(1)).get("/dicom-web/studies/1.2.4/metadata")

    assert answer.status_code == 404


@pytest.mark.parametrize("number", [2, 9])
def test_xml_has_a_part_for_each_instance(number):
    answer = client(archive_of(number)).get(
        "/dicom-web/studies/1.2.3/metadata", headers={"accept": XML}
    )

    assert answer.content.count(b"<NativeDicomModel") == number
    assert "<FamilyName>Müller</FamilyName>".encode() in answer.content
    assert b'<BulkData uri="http://localhost/dicom-web/x"/>' in answer.content


def test_one_instance_may_be_one_document():
    answer = client(archive_of(1)).get(
        "/dicom-web/instances/1.2.3.4.0/metadata", headers={"accept": "application/dicom+xml"}
    )

    assert answer.headers[b"content-type"] == b"application/dicom+xml"
    assert answer.content.startswith(b"<?xml")


def test_who_has_it_already_is_not_sent_it_again():
    door = client(archive_of(9))
    tag = door.get("/dicom-web/studies/1.2.3/metadata").headers[b"etag"].decode()

    again = door.get("/dicom-web/studies/1.2.3/metadata", headers={"if-none-match": tag})

    assert (again.status_code, again.content) == (304, b"")


def test_another_version_or_form_has_another_tag():
    path = "/dicom-web/studies/1.2.3/metadata"
    first = client(archive_of(1)).get(path).headers[b"etag"]
    other = client(WebArchive(held=[holding(0, b"e")])).get(path).headers[b"etag"]
    as_xml = client(archive_of(1)).get(path, headers={"accept": XML}).headers[b"etag"]

    assert len({first, other, as_xml}) == 3


def test_what_nobody_can_read_is_no_empty_answer():
    archive = archive_of(1, readable=False)

    assert client(archive).get("/dicom-web/studies/1.2.3/metadata").status_code == 500


def test_metadata_is_let_go_when_the_client_only_asks_for_the_head():
    archive = archive_of(9)

    answer = client(archive).ask("HEAD", "/dicom-web/studies/1.2.3/metadata")

    assert (answer.status_code, answer.content, archive.open) == (200, b"", 0)
