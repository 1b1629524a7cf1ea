import asyncio
from dataclasses import replace

import pytest
from bridging import Events, retrieval_of, study, virtually

from hilum.dimse.status import Service
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.answerers.events import AnswererInterrupted, AnswererRestored
from hilum.pipeline.answerers.guarding import GuardedAnswerer, Limits
from hilum.pipeline.answerers.telling import NotAsked, late
from hilum.pipeline.archive.ports import Batch
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

STUDY = study(1)
QUERY = Query(Level.STUDY)


def guarded(clock, answerer, **limits):
    events = Events()
    guard = GuardedAnswerer(
        answerer, clock=clock, telemetry=events, limits=Limits(**limits), chance=lambda: 0.0
    )
    return guard, events


async def found(guard):
    return [match async for batch in guard.find(QUERY) for match in batch.matches]


async def failing(guard, times=1):
    for _ in range(times):
        with pytest.raises(AnswererFailed) as failure:
            await found(guard)
    return failure.value


def test_who_cannot_be_reached_three_times_is_not_asked_until_a_probe_succeeds():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(ailment=Lost.UNREACHABLE))

    async def run(clock):
        guard, events = guarded(clock, answerer)
        await failing(guard, 3)
        spared = await failing(guard)
        asked = len(answerer.asked.finds)
        answerer.behaviour.ailment = None
        is_well = [guard.is_well]
        await asyncio.sleep(6)
        is_well.append(guard.is_well)
        matches = await found(guard)
        await guard.aclose()
        return spared, asked, is_well, matches, events

    spared, asked, is_well, matches, events = virtually(run)

    assert isinstance(spared, NotAsked)
    assert spared.ailment is Lost.UNREACHABLE
    assert asked == 3
    assert is_well == [False, True]
    assert answerer.asked.verified == 1
    assert len(matches) == 1
    assert len(events.of(AnswererInterrupted)) == len(events.of(AnswererRestored)) == 1
    assert answerer.is_closed


def test_probes_come_less_often_the_longer_it_is_away():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(ailment=Lost.UNREACHABLE))

    async def run(clock):
        guard, _ = guarded(clock, answerer)
        await failing(guard, 3)
        await asyncio.sleep(200)
        await guard.aclose()

    virtually(run)

    assert answerer.asked.verified == 6  # after 5, 10, 20, 40, 60 and 60 seconds


@pytest.mark.parametrize(
    "ailment",
    [HttpAnswer(404), HttpAnswer(500), DimseAnswer(0xA700, Service.FIND), Lost.NOT_OFFERED],
)
def test_who_answers_is_asked_again_whatever_the_answer(ailment):
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(ailment=ailment))

    async def run(clock):
        guard, _ = guarded(clock, answerer)
        await failing(guard, 20)
        return guard.is_well

    assert virtually(run)


def test_who_asks_for_time_gets_it():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(ailment=HttpAnswer(503, 60.0)))

    async def run(clock):
        guard, _ = guarded(clock, answerer)
        await failing(guard)
        await failing(guard)
        await asyncio.sleep(59)
        before = answerer.asked.verified
        answerer.behaviour.ailment = None
        await asyncio.sleep(2)
        await found(guard)
        return before

    assert virtually(run) == 0
    assert len(answerer.asked.finds) == 2


def test_more_questions_than_allowed_wait_and_then_it_is_busy():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_before=4.0))

    async def run(clock):
        guard, _ = guarded(clock, answerer, questions_max=2, wait_seconds=5.0)
        return await asyncio.gather(
            *[found(guard) for _ in range(6)], return_exceptions=True
        ), guard

    results, guard = virtually(run)

    assert [isinstance(one, list) for one in results] == [True] * 4 + [False] * 2
    assert {one.ailment for one in results[4:]} == {Lost.BUSY}
    assert answerer.asked.most_under_way == 2
    assert guard.is_well
    assert guard.busy == 0


def test_fetches_do_not_keep_searches_waiting():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        guard, _ = guarded(clock, answerer, questions_max=1, fetches_max=1, wait_seconds=1.0)
        async with guard._turn(guard._fetches):
            return await found(guard), await guard.expect(retrieval_of(STUDY))

    matches, expected = virtually(run)

    assert (len(matches), len(expected)) == (1, 4)


def test_who_hangs_until_all_give_up_is_late():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_before=1e6))

    async def run(clock):
        guard, _ = guarded(clock, answerer)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await guard.expect(retrieval_of(STUDY))
        is_well = guard.is_well
        await guard.aclose()
        return is_well, guard.busy

    assert virtually(run) == (False, 0)


def test_a_client_that_leaves_soon_says_nothing_about_the_answerer():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_before=2.0))

    async def run(clock):
        guard, _ = guarded(clock, answerer)
        for _ in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await found(guard)
        return guard.is_well, guard.busy

    assert virtually(run) == (True, 0)


@pytest.mark.parametrize(
    ("seconds", "told"), [(5.00041, "5 s"), (10.0, "10 s"), (0.25, "0.25 s"), (1200.0, "1200 s")]
)
def test_how_long_it_was_waited_for_is_told_in_few_digits(seconds, told):
    assert str(late("pacs", seconds)) == f"pacs did not answer within {told}"


def test_who_turns_out_to_be_who_asks_is_not_asked_and_waits_for_no_turn():
    """All turns may be taken by who waits for the very gateway that asks."""
    answerer = MemoryAnswerer("away", STUDY)

    async def meet():
        answerer.pseudonym = "away"

    answerer.meet = meet
    query = replace(QUERY, via=("away", "us"))
    retrieval = replace(retrieval_of(STUDY), via=("away", "us"))

    async def run(clock):
        guard, _ = guarded(clock, answerer, questions_max=0)
        batches = [batch async for batch in guard.find(query)]
        return batches, await guard.expect(retrieval), await guard.count(retrieval)

    assert virtually(run) == ([Batch(())], (), 0)
    assert answerer.asked.finds == []
