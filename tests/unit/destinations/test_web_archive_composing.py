"""Instances of servers that give out no files: made of metadata and bulk data."""

import json

import pytest
from scripted_archive import MemorySink, ScriptedArchive, tree_of

from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.ports import Expected, Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance
from hilum.testing.http_server import Reply

ONES = [instance(seed=n, study=1, pixel_bytes=2048) for n in (1, 2)]
EXPECTED = [
    Expected(
        one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid, one.study_instance_uid
    )
    for one in ONES
]
FETCH = Fetch(Retrieval(Level.STUDY, {Level.STUDY: (ONES[0].study_instance_uid,)}), EXPECTED)
PIXELS = {one.sop_instance_uid: one.data_set[-2048:] for one in ONES}


def metadata(one, uri="bulk/7FE00010"):
    found = json.loads(to_json(tree_of(one)))
    found["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    return json.dumps([found]).encode()


def bulk_multipart(content):
    writer = MultipartWriter("bulk", "application/octet-stream")
    head = writer.head({"Content-Type": "application/octet-stream"}, is_first=True)
    return Reply(200, {"Content-Type": writer.content_type}, head + content + writer.closing)


def bulk_plain(content):
    return Reply(200, {"Content-Type": "application/octet-stream"}, content)


class NoFiles:
    """A server with metadata and bulk data only."""

    def __init__(self, bulk=bulk_multipart, uri="bulk/7FE00010", edit=lambda content: content):
        self.archive = ScriptedArchive(ONES)
        self.archive.quirk = self.answer
        self.bulk = bulk
        self.uri = uri
        self.edit = edit

    def answer(self, request):
        path = request.target.removeprefix("/rs").strip("/").split("/")
        held = self.archive.held(path[:6])
        if path[-1] == "metadata":
            return Reply(200, {"Content-Type": DICOM_JSON}, metadata(held[0], self.uri))
        if "bulk" in path:
            return self.bulk(self.edit(PIXELS[held[0].sop_instance_uid]))
        return Reply(406)

    async def fetched(self):
        sink = MemorySink()
        async with self.archive.answering() as answerer:
            missing = await answerer.fetch(FETCH, sink)
        return missing, sink


@pytest.mark.asyncio
@pytest.mark.parametrize("bulk", [bulk_multipart, bulk_plain])
@pytest.mark.parametrize("uri", ["bulk/7FE00010", "absolute"])
async def test_an_instance_is_made_of_metadata_and_bulk_data(bulk, uri):
    server = NoFiles(bulk, uri)
    if uri == "absolute":
        server.uri = (
            f"/rs/studies/{ONES[0].study_instance_uid}/series/{ONES[0].series_instance_uid}"
        )
        server.uri += f"/instances/{ONES[0].sop_instance_uid}/bulk/1"
    missing, sink = await server.fetched()

    assert missing == {}
    for uid, pixels in PIXELS.items():
        syntax = transfer_syntax(sink.incoming[uid].transfer_syntax_uid)
        made = read_data_set(sink.kept[uid], syntax)
        assert made.text(0x00100010) == "GENERATED^PERSON1"
        assert sink.kept[uid].endswith(pixels) or uri == "absolute"


@pytest.mark.asyncio
async def test_a_server_without_files_is_not_asked_for_files_again():
    server = NoFiles()
    sink = MemorySink()
    async with server.archive.answering() as answerer:
        await answerer.fetch(FETCH, MemorySink())
        count = len(server.archive.targets)
        await answerer.fetch(FETCH, sink)

    assert len(sink.kept) == 2
    assert len(server.archive.targets) == count + 4


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "server",
    [
        NoFiles(edit=lambda content: content[:-2]),
        NoFiles(bulk=lambda _: Reply(404)),
        NoFiles(uri="http://elsewhere.example.org/bulk"),
        NoFiles(bulk=lambda content: Reply(200, {}, content, cut_at=100)),
    ],
)
async def test_what_is_not_whole_is_not_kept(server):
    sink = MemorySink()
    async with server.archive.answering() as answerer:
        try:
            missing = await answerer.fetch(FETCH, sink)
        except AnswererFailed:
            missing = PIXELS

    assert missing.keys() == PIXELS.keys()
    assert not sink.kept
    assert not sink.open


@pytest.mark.asyncio
async def test_an_archive_without_searches_is_looked_into_by_its_metadata():
    archive = ScriptedArchive(ONES)
    archive.quirk = lambda request: Reply(501) if "?" in request.target else None
    async with archive.answering() as answerer:
        expected = await answerer.expect(FETCH.retrieval)

    assert sorted(one.sop_instance_uid for one in expected) == sorted(PIXELS)
