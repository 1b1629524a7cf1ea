import asyncio
import random

import pytest
from answerer_rig import MemorySink, all_of, answering, question
from dimse_archive import DimseArchive
from query_peer import ABORT, FIND, WAIT, QueryPeer, Say, match

from hilum.destinations.dimse.answering import pool
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.ending import CANCELED
from hilum.dimse.service.query import find_ended
from hilum.pipeline.answerers.ports import Fetch
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.datasets import instance

pytestmark = pytest.mark.asyncio

HELD = [instance(seed=n, study=n % 3, pixel_bytes=2048) for n in range(9)]


def study(number):
    return DataSetBuilder("").texts(tags.STUDY_INSTANCE_UID, f"1.2.{number}").data_set


def flood(asked):
    """Give matches without an end, and stop for nothing."""
    number = 0
    while True:
        number += 1
        yield match(asked, study(number))


def until_cancelled(asked):
    """Give some matches, and wait for the C-CANCEL."""
    for number in range(10):
        yield match(asked, study(number))
    while not asked.is_cancelled:
        yield WAIT
    yield Say(find_ended(asked.command, CANCELED))


async def until(condition):
    """Wait for what timers of the pool bring about."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_an_association_that_is_idle_is_used_again():
    archive = DimseArchive(HELD)
    async with answering(archive) as (answerer, peer):
        for _ in range(3):
            await all_of(answerer, question(Level.STUDY))

        assert len(peer.requests) == 1
        assert answerer.figures().idle == 1


async def test_an_association_that_is_idle_for_long_is_released():
    archive = DimseArchive(HELD)
    async with answering(archive, keep_alive_seconds=0.02) as (answerer, peer):
        await all_of(answerer, question(Level.STUDY))
        await until(lambda: not answerer.figures().open)

        assert peer.releases == 1


@pytest.mark.parametrize("number", [1, 3])
async def test_idle_associations_that_died_are_replaced_without_a_word(number):
    archive = DimseArchive(HELD)
    asked_for = []

    def script(asked):
        asked_for.append(asked)
        if number < len(asked_for) <= 2 * number:
            yield ABORT
        else:
            yield from archive.script(asked)

    async with answering(archive, peer=QueryPeer(script)) as (answerer, _):
        await asyncio.gather(*[all_of(answerer, question(Level.STUDY)) for _ in range(number)])
        found = await asyncio.gather(
            *[all_of(answerer, question(Level.STUDY)) for _ in range(number)]
        )

    assert [len(matches) for matches, _, _ in found] == [3] * number


async def test_an_idle_association_is_asked_whether_it_is_there(monkeypatch):
    monkeypatch.setattr(pool, "ECHO_AFTER_SECONDS", 0.0)
    archive = DimseArchive(HELD)
    async with answering(archive) as (answerer, peer):
        for _ in range(3):
            await all_of(answerer, question(Level.STUDY))

        assert (len(peer.requests), peer.echoes > 0) == (1, True)


async def test_a_search_that_has_enough_is_cancelled_and_its_association_is_used_again():
    async with answering(DimseArchive(), peer=QueryPeer(until_cancelled), associations_max=1) as (
        answerer,
        peer,
    ):
        for _ in range(5):
            matches, _, _ = await all_of(answerer, question(Level.STUDY, limit=3))
            assert len(matches) == 3

        assert len(peer.requests) == 1
        assert all(asked.is_cancelled for asked in peer.asked[:-1])


async def test_a_peer_that_does_not_stop_is_left_and_nobody_waits_for_it(monkeypatch):
    monkeypatch.setattr(pool, "WIND_UP_SECONDS", 0.05)
    loop = asyncio.get_running_loop()
    async with answering(DimseArchive(), peer=QueryPeer(flood), associations_max=1) as (
        answerer,
        peer,
    ):
        for _ in range(3):
            before = loop.time()
            matches, _, _ = await all_of(answerer, question(Level.STUDY, limit=700))
            assert len(matches) == 700
        assert loop.time() - before < 2.0
        await until(lambda: not answerer.figures().open)

    assert len(peer.requests) == 3


async def test_what_is_not_taken_makes_the_peer_wait():
    sent = 0

    def script(asked):
        nonlocal sent
        while not asked.is_cancelled:
            sent += 1
            yield match(asked, study(sent))
        yield Say(find_ended(asked.command, CANCELED))

    async with answering(DimseArchive(), peer=QueryPeer(script)) as (answerer, _):
        batches = answerer.find(question(Level.STUDY))
        await anext(batches)
        before = -1
        async with asyncio.timeout(10):
            while before < sent:  # until the peer is stopped by full buffers
                before = sent
                await asyncio.sleep(0.1)
        figures = answerer.figures()
        await batches.aclose()

    assert [one.what for one in figures.in_use] == ["C-FIND STUDY"]


@pytest.mark.slow
async def test_thousands_of_cancelled_calls_leave_nothing_behind():
    archive = DimseArchive(HELD)
    chance = random.Random(5)

    def script(asked):
        kind = asked.command.affected_sop_class_uid
        return until_cancelled(asked) if kind in FIND else archive.script(asked)

    fetches = [
        Fetch(
            Retrieval(Level.STUDY, {Level.STUDY: (uid,)}),
            [one for one in HELD if one.study_instance_uid == uid],
        )
        for uid in {one.study_instance_uid for one in HELD}
    ]

    async def call(answerer):
        doing = (
            all_of(answerer, question(Level.STUDY))
            if chance.random() < 0.7
            else answerer.fetch(chance.choice(fetches), MemorySink())
        )
        task = asyncio.create_task(doing)
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    async with answering(archive, peer=QueryPeer(script), associations_max=3) as (answerer, peer):
        before = len(asyncio.all_tasks())
        for _ in range(100):
            await asyncio.gather(*[call(answerer) for _ in range(20)])
            assert answerer.figures().open <= 3
        await until(lambda: not answerer.figures().in_use)

        assert answerer.figures().waiting == 0
        # Those of the peer's connections, and no more than what is open.
        assert len(asyncio.all_tasks()) - before <= 3 + 3
        assert peer.open_now <= 3 + 3

    assert answerer.figures().open == 0


async def test_closing_ends_what_is_under_way():
    asked = asyncio.Event()

    def script(_):
        asked.set()
        yield WAIT

    async with answering(DimseArchive(), peer=QueryPeer(script)) as (answerer, _):
        task = asyncio.create_task(all_of(answerer, question(Level.STUDY)))
        await asked.wait()
        await answerer.aclose()
        await asyncio.wait({task})

        assert task.exception() is not None
        assert answerer.figures().open == 0
