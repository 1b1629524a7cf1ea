"""Whole studies and series from a DICOMweb server: counted by one search, never listed."""

import pytest
from scripted_archive import MemorySink, ScriptedArchive, multipart, multipart_body, part10

from hilum.kernel.errors import Full
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer, Lost
from hilum.pipeline.answerers.ports import UNNAMED, Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance
from hilum.testing.http_server import HangUp, Reply

INSTANCES = [instance(seed=n, study=1, series=n % 2, pixel_bytes=60_000) for n in range(4)]
STUDY = INSTANCES[0].study_instance_uid
SERIES = INSTANCES[0].series_instance_uid
OF_STUDY = Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)})
OF_SERIES = Retrieval(Level.SERIES, {Level.STUDY: (STUDY,), Level.SERIES: (SERIES,)})
OF_TWO = Retrieval(Level.STUDY, {Level.STUDY: (STUDY, "1.2.3.4")})
UIDS = {one.sop_instance_uid for one in INSTANCES}
NUMBERS = b',"00201208":{"vr":"IS","Value":[4]},"00201209":{"vr":"IS","Value":[2]}'


@pytest.fixture
def archive():
    made = ScriptedArchive(INSTANCES)
    made.edit = lambda objects: [one[:-1] + NUMBERS + b"}" for one in objects]
    return made


async def fetched(archive, retrieval=OF_STUDY, sink=None):
    sink = sink or MemorySink()
    async with archive.answering(response_timeout_seconds=0.5) as answerer:
        missing = await answerer.fetch(Fetch(retrieval, None), sink)
        assert not answerer.in_use
    assert not sink.open
    return missing, sink


@pytest.mark.asyncio
@pytest.mark.parametrize(("retrieval", "count"), [(OF_STUDY, 4), (OF_SERIES, 2), (OF_TWO, 4)])
async def test_one_search_counts(archive, retrieval, count):
    async with archive.answering() as answerer:
        assert await answerer.count(retrieval) == count

    assert not [one for one in archive.targets if "instances" in one]


@pytest.mark.asyncio
async def test_nothing_there_is_none_of_it(archive):
    async with archive.answering() as answerer:
        assert await answerer.count(Retrieval(Level.STUDY, {Level.STUDY: ("1.2.3.4",)})) == 0


@pytest.mark.asyncio
async def test_who_does_not_say_or_cannot_search_so_does_not_count(archive):
    archive.edit = lambda objects: objects
    async with archive.answering() as answerer:
        assert await answerer.count(OF_STUDY) is None
        archive.quirk = lambda _: Reply(400)
        assert await answerer.count(OF_STUDY) is None


@pytest.mark.asyncio
async def test_a_count_that_is_refused_is_the_failure_it_is(archive):
    archive.quirk = lambda _: Reply(403)
    async with archive.answering() as answerer:
        with pytest.raises(AnswererFailed) as failed:
            await answerer.count(OF_STUDY)

    assert failed.value.ailment == HttpAnswer(403)


@pytest.mark.asyncio
@pytest.mark.parametrize(("retrieval", "number"), [(OF_STUDY, 4), (OF_SERIES, 2)])
async def test_one_request_brings_all(archive, retrieval, number):
    missing, sink = await fetched(archive, retrieval)

    assert missing == {}
    assert len(sink.kept) == number
    assert len(archive.targets) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
async def test_what_a_cut_body_lacks_has_no_name(archive, share):
    kind, body = multipart_body([part10(one) for one in INSTANCES])
    cut = int(share * len(body))
    archive.quirk = lambda _: Reply(200, {"Content-Type": kind}, body, cut_at=cut)

    missing, sink = await fetched(archive)

    assert missing.keys() == {UNNAMED}
    assert 0 < len(sink.kept) < 4
    assert len(archive.targets) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("reply", [Reply(204), multipart(INSTANCES[:3], status=206)])
async def test_what_an_answer_says_it_lacks_is_missing(archive, reply):
    archive.quirk = lambda _: reply

    missing, _ = await fetched(archive)

    assert missing.keys() == {UNNAMED}


@pytest.mark.asyncio
async def test_one_study_of_two_that_is_not_there_is_missing(archive):
    missing, sink = await fetched(archive, OF_TWO)

    assert missing.keys() == {UNNAMED}
    assert sink.kept.keys() == UIDS


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("quirk", "ailment"), [(Reply(503), HttpAnswer(503)), (HangUp(), Lost.ABORTED)]
)
async def test_when_nothing_comes_it_fails(archive, quirk, ailment):
    def answer(_):
        if isinstance(quirk, Reply):
            return quirk
        raise quirk

    archive.quirk = answer

    with pytest.raises(AnswererFailed) as failed:
        await fetched(archive)

    assert failed.value.ailment == ailment


@pytest.mark.asyncio
async def test_an_instance_that_comes_twice_lands_once(archive):
    archive.quirk = lambda _: multipart([*INSTANCES, INSTANCES[0]])

    missing, sink = await fetched(archive)

    assert missing == {}
    assert sink.kept.keys() == UIDS


@pytest.mark.asyncio
async def test_without_room_it_stops_and_says_so(archive):
    class FullSink(MemorySink):
        async def land(self, incoming):
            raise Full(f"no room for {incoming.sop_instance_uid}")

    missing, _ = await fetched(archive, sink=FullSink())

    assert {one.reason for one in missing.values()} == {"there is no room for it here"}
    assert len(archive.targets) == 1
