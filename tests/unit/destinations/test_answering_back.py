"""Archives that may be who asks: how they are known, and what they are told."""

import asyncio
from dataclasses import replace

import pytest
from answerer_rig import MemorySink, all_of, answering, question
from dimse_archive import DimseArchive
from scripted_archive import ScriptedArchive

from hilum.ledger.entry import Origin
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.query.via import FACE_HEADER
from hilum.testing.datasets import instance
from hilum.testing.http_server import Reply

pytestmark = pytest.mark.asyncio

HELD = [instance(seed=n, study=1, series=1) for n in (1, 2)]
THIRD, US, AWAY = "3333333333333333", "0000000000000000", "aaaaaaaaaaaaaaaa"
FROM_PACS = Origin("PACS", "HILUM", "", "127.0.0.1", "HILUM", "a-1", (US,))
BY_WAY = Retrieval(Level.STUDY, {Level.STUDY: (HELD[0].study_instance_uid,)}, (THIRD, US))


async def exercised(answerer):
    """Ask it everything on behalf of a third gateway."""
    await all_of(answerer, question(Level.STUDY, via=BY_WAY.via))
    await answerer.count(BY_WAY)
    listed = await answerer.expect(BY_WAY)
    await answerer.fetch(Fetch(BY_WAY, None), MemorySink())
    await answerer.fetch(Fetch(BY_WAY, listed), MemorySink())
    await answerer.fetch(Fetch(BY_WAY, listed[:1]), MemorySink())


@pytest.mark.parametrize(
    ("changes", "is_so"),
    [
        ({}, True),
        ({"host": "10.1.1.1"}, False),  # another one of this title
        ({"calling_ae_title": "WS"}, False),  # a workstation on the same machine
        ({"via": (THIRD, US)}, False),  # a gateway, who would have said so
    ],
)
async def test_a_pacs_that_asks_us_is_known_by_title_and_host(changes, is_so):
    async with answering(DimseArchive(held=HELD)) as (answerer, _):
        assert answerer.has_asked(replace(FROM_PACS, **changes)) is is_so


async def test_a_pacs_that_goes_by_a_name_is_known_by_its_addresses():
    async with answering(DimseArchive(held=HELD)) as (answerer, _):
        answerer._address = replace(answerer._address, host="localhost")
        answerer._hosts = frozenset(("localhost",))
        assert not answerer.has_asked(FROM_PACS)
        await answerer.meet()
        assert answerer.has_asked(FROM_PACS)


async def test_no_archive_of_another_kind_sees_who_has_asked():
    """To others it would be a key that they do not know."""
    archive = DimseArchive(held=HELD)
    async with answering(archive) as (answerer, _):
        await exercised(answerer)

    assert archive.queries
    assert not any(
        tag >> 16 == 0x0009
        for identifier in [*archive.queries, *archive.gets]
        for tag in identifier
    )


async def test_a_server_hears_who_has_asked_with_each_request():
    archive = ScriptedArchive(HELD)
    async with archive.answering() as answerer:
        await exercised(answerer)

    told = [request.headers.get("hilum-via") for request in archive.server.requests]
    assert len(told) >= 6
    assert set(told) == {f"{THIRD},{US}"}


async def test_what_a_gateway_calls_itself_is_learned_of_its_answers():
    archive = ScriptedArchive(HELD)
    archive.quirk = lambda _: Reply(204, {FACE_HEADER: AWAY})
    async with archive.answering() as answerer:
        before = answerer.has_asked(replace(FROM_PACS, via=(AWAY, US)))
        await all_of(answerer, question(Level.STUDY, via=(US,)))

        assert not before
        assert answerer.has_asked(replace(FROM_PACS, via=(AWAY, US)))
        assert not answerer.has_asked(replace(FROM_PACS, via=(THIRD, US)))


async def test_a_gateway_is_met_once_while_all_connections_are_in_use():
    archive = ScriptedArchive(HELD)
    archive.quirk = lambda _: Reply(405, {FACE_HEADER: AWAY})
    async with archive.answering(archive={"connections_max": 1}) as answerer:
        async with answerer._asking.pool.line("somebody's question"):
            await asyncio.gather(answerer.meet(), answerer.meet())

        assert answerer.has_asked(replace(FROM_PACS, via=(AWAY, US)))
    assert [one.method for one in archive.server.requests] == ["OPTIONS"]


async def test_who_opens_an_association_for_others_meets_as_well():
    async with answering(DimseArchive(held=HELD), associations_max=1) as (answerer, _):
        meeting = [answerer.meet() for _ in range(3)]
        await asyncio.gather(all_of(answerer, question(Level.STUDY)), *meeting)

        assert answerer.figures().open == 1
