import asyncio

import pytest
from answerer_rig import MemorySink, answering
from dimse_archive import DimseArchive
from query_peer import ABORT, WAIT, QueryPeer

from hilum.dimse.service.ending import Ending
from hilum.dimse.status import Service
from hilum.kernel.errors import CorruptPayload, Full
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, Lost
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level, Model
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import CT, MR, instance

pytestmark = pytest.mark.asyncio

HELD = [
    instance(seed=10 * series + n, study=7, series=series, sop_class=(CT, MR)[series % 2])
    for series in range(3)
    for n in (1, 2, 3)
]
STUDY = HELD[0].study_instance_uid


def whole(wanted=HELD, **more):
    return Fetch(Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)}), wanted, **more)


def by_uid(held=HELD):
    return {one.sop_instance_uid: one.data_set for one in held}


async def test_what_is_expected_comes_by_series_and_number():
    archive = DimseArchive(list(reversed(HELD)))
    async with answering(archive) as (answerer, _):
        expected = await answerer.expect(Retrieval(Level.STUDY, {Level.STUDY: (STUDY,)}))

    assert [
        (e.sop_class_uid, e.sop_instance_uid, e.series_instance_uid, e.study_instance_uid)
        for e in expected
    ] == [
        (h.sop_class_uid, h.sop_instance_uid, h.series_instance_uid, h.study_instance_uid)
        for h in HELD
    ]


async def test_nothing_is_expected_of_a_study_that_is_not_there():
    async with answering(DimseArchive(HELD)) as (answerer, _):
        assert await answerer.expect(Retrieval(Level.STUDY, {Level.STUDY: ("1.2.3",)})) == []


async def test_every_byte_of_a_study_comes_over_several_associations():
    archive, sink = DimseArchive(HELD), MemorySink()
    async with answering(archive) as (answerer, peer):
        missing = await answerer.fetch(whole(), sink)

        assert (missing, sink.kept) == ({}, by_uid())
        assert len(peer.requests) == 2
        assert [one.text(0x00080052) for one in archive.gets] == ["SERIES"] * 3


async def test_only_what_is_wanted_is_kept_of_a_series():
    archive, sink = DimseArchive(HELD), MemorySink()
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(whole(HELD[:1]), sink) == {}

    assert sink.begun == [HELD[0].sop_instance_uid]
    assert set(archive.stores_answered) == {0}


async def test_instances_are_named_where_the_retrieval_names_them():
    archive, sink = DimseArchive(HELD), MemorySink()
    keys = {
        Level.STUDY: (STUDY,),
        Level.SERIES: (HELD[0].series_instance_uid,),
        Level.IMAGE: (HELD[0].sop_instance_uid, HELD[1].sop_instance_uid),
    }
    async with answering(archive) as (answerer, _):
        assert await answerer.fetch(Fetch(Retrieval(Level.IMAGE, keys), HELD[:2]), sink) == {}

    assert sink.kept == by_uid(HELD[:2])
    assert [one.text(0x00080052) for one in archive.gets] == ["IMAGE"]


async def test_what_did_not_come_is_asked_for_once_more_by_its_uid():
    archive, sink = DimseArchive(HELD, not_sent={HELD[4].sop_instance_uid}), MemorySink()
    async with answering(archive, associations_max=1) as (answerer, _):
        missing = await answerer.fetch(whole(), sink)

    assert [one.text(0x00080052) for one in archive.gets] == ["SERIES"] * 3 + ["IMAGE"]
    assert list(missing) == [HELD[4].sop_instance_uid]
    assert missing[HELD[4].sop_instance_uid].reason.startswith("PACS could not send it")


@pytest.mark.parametrize(
    ("error", "words"),
    [(Full("x"), "no room"), (CorruptPayload("x"), "not a complete data set")],
)
async def test_what_the_sink_refuses_is_missing_with_our_reason(error, words):
    refused = HELD[2].sop_instance_uid
    sink = MemorySink(lambda incoming: error if incoming.sop_instance_uid == refused else None)
    async with answering(DimseArchive(HELD)) as (answerer, _):
        missing = await answerer.fetch(whole(), sink)

    assert list(missing) == [refused]
    assert words in missing[refused].reason
    assert len(sink.kept) == len(HELD) - 1


async def test_a_failure_of_everything_is_told_as_it_was_answered():
    archive = DimseArchive(HELD, get_ending=Ending(0xA701))
    async with answering(archive, retrieve="get") as (answerer, _):
        with pytest.raises(AnswererFailed) as failed:
            await answerer.fetch(whole(), MemorySink())

    assert failed.value.ailment == DimseAnswer(0xA701, Service.GET)


async def test_an_archive_without_c_get_and_no_way_home_does_not_offer_it():
    archive = DimseArchive(HELD)
    peer = QueryPeer(archive.script, refuses=frozenset({Model.STUDY_ROOT.get_uid}))
    async with answering(archive, peer=peer) as (answerer, _):
        with pytest.raises(AnswererFailed) as failed:
            await answerer.fetch(whole(), MemorySink())

    assert failed.value.ailment is Lost.NOT_OFFERED


async def test_what_came_before_an_abort_is_kept_and_the_rest_is_asked_for_again():
    archive, sink = DimseArchive(HELD), MemorySink()
    gets = []

    def script(asked):
        gets.append(asked)
        if len(gets) == 1:
            inner = archive.script(asked)
            yield inner.send((yield next(inner)))
            yield ABORT
        else:
            yield from archive.script(asked)

    peer = QueryPeer(script)
    async with answering(archive, peer=peer, associations_max=1) as (answerer, _):
        missing = await answerer.fetch(whole(), sink)

    assert (missing, sink.kept) == ({}, by_uid())


async def test_a_fetch_that_is_cancelled_stops_the_peer_and_leaves_the_association_usable():
    archive = DimseArchive(HELD)
    begun = asyncio.Event()

    async def pace(_):
        begun.set()
        await asyncio.sleep(0)

    sink = MemorySink(pace=pace)
    async with answering(archive, associations_max=1) as (answerer, peer):
        fetching = asyncio.create_task(answerer.fetch(whole(), sink))
        await begun.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        came = len(sink.begun)

        assert answerer.figures().in_use == ()
        assert peer.asked[0].is_cancelled
        assert came < len(HELD)
        assert await answerer.fetch(whole(), sink) == {}
        assert len(peer.requests) == 1


async def test_a_peer_that_does_not_stop_is_left_within_a_second():
    archive = DimseArchive(HELD)

    asked = asyncio.Event()

    def script(_):
        asked.set()
        while True:
            yield WAIT

    async with answering(archive, peer=QueryPeer(script)) as (answerer, _):
        fetching = asyncio.create_task(answerer.fetch(whole(HELD[:1]), MemorySink()))
        await asked.wait()
        loop = asyncio.get_running_loop()
        before = loop.time()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

        assert loop.time() - before < 1.5
        assert answerer.figures().in_use == ()
