"""A holder that has fallen silent keeps nobody waiting for what another one has, too."""

import asyncio

import pytest
from bridging import bridge, drained, one_of, retrieval_of, study, uids, virtually

from hilum.pipeline.answerers.ailments import Lost
from hilum.pipeline.answerers.events import RivalAsked
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

STUDY = study(1, 12)
PATIENCE = 3.0


def holders(*behaviours, **more):
    return [
        MemoryAnswerer(name, STUDY, Behaviour(**one, **more))
        for name, one in zip("abc", behaviours, strict=False)
    ]


def supplied(answerers, retrieval=None, **options):
    """Retrieve once; give what came, what did not, the seconds, and the bridge."""

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE, **options)
        came, missed = await drained(await at.supply(retrieval or retrieval_of(STUDY)))
        seconds = clock.monotonic()
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == 1
        assert not at.cache.pins
        return came, missed, seconds, at

    return virtually(run)


def asked_too(at):
    return [(one.answerer, one.rival) for one in at.events.of(RivalAsked)]


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("silent_after", [0, 5, 11])
def test_each_instance_comes_once_and_soon(silent_after, keeps):
    answerers = holders({"silent_after": silent_after}, {}, seconds_each=0.1)

    came, missed, seconds, at = supplied(answerers, keeps=keeps)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert seconds < 1.2 + PATIENCE + 1.3
    assert asked_too(at) == [("a", "b")]
    assert [one.asked.under_way for one in answerers] == [0, 0]


def test_only_what_has_not_come_is_asked_of_the_rival_and_the_silent_one_is_left_at_once():
    answerers = holders({"silent_after": 5}, {"seconds_each": 1.0})

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE)
        supply = aiter(await at.supply(retrieval_of(STUDY)))
        came = [(await anext(supply)).sop_instance_uid for _ in range(6)]
        await asyncio.sleep(0.1)
        cancelled = answerers[0].asked.cancelled
        came += [one.sop_instance_uid async for one in supply]
        return came, cancelled

    came, cancelled = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert cancelled == 1
    assert len(answerers[1].asked.sent) == 7


def test_one_that_is_slow_and_gives_first_goes_on_and_the_rival_is_left():
    answerers = holders({"seconds_before": 5.0}, {"seconds_before": 60.0})
    answerers[1].behaviour.seconds_before = 0.0

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE)
        supply = await at.supply(retrieval_of(STUDY))
        answerers[1].behaviour.seconds_before = 60.0
        return await drained(supply), clock.monotonic()

    (came, missed), seconds = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert seconds < 11
    assert answerers[1].asked.cancelled == 1
    assert not answerers[1].asked.sent


def test_nobody_is_asked_beside_one_that_gives():
    answerers = holders({}, {}, seconds_each=2.9)

    _, _, _, at = supplied(answerers)

    assert not asked_too(at)
    assert not answerers[1].asked.fetches


def test_a_reader_that_takes_its_time_is_no_silence():
    answerers = holders({}, {})

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE)
        supply = await at.supply(retrieval_of(study(1, 12)))
        async for one in supply:
            await asyncio.sleep(2 * PATIENCE)
            supply.done(one)
        await supply.aclose()
        return asked_too(at)

    assert virtually(run) == []


def test_a_rival_that_fails_does_not_end_the_one_that_is_slow():
    answerers = holders({"silent_after": 3}, {}, seconds_each=0.1)

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE, stall_seconds=30.0)
        supply = await at.supply(retrieval_of(STUDY))
        answerers[1].behaviour.ailment = Lost.UNREACHABLE
        came, missed = await drained(supply)
        return came, missed, clock.monotonic()

    came, missed, seconds = virtually(run)

    assert len(came) == 3
    assert len(missed) == 9
    assert seconds >= 30


def test_the_third_is_asked_when_the_rival_is_silent_too():
    answerers = holders({"silent_after": 2}, {"silent_after": 0}, {})

    came, missed, seconds, at = supplied(answerers)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert seconds < 3 * PATIENCE
    assert len(asked_too(at)) >= 2


def test_what_the_rival_has_not_still_comes_from_the_one_that_is_slow():
    answerers = holders({"seconds_before": 0.0}, {"missing": frozenset(uids(STUDY[6:]))})

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE)
        supply = await at.supply(retrieval_of(STUDY))
        answerers[0].behaviour.seconds_before = 5.0
        return await drained(supply)

    came, missed = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed


def test_many_who_wait_for_one_that_is_silent_cause_one_fetch_from_the_rival():
    answerers = holders({"silent_after": 0}, {})

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE)

        async def one():
            return await drained(await at.supply(retrieval_of(STUDY)))

        return await asyncio.gather(*[one() for _ in range(20)])

    results = virtually(run)

    assert all(sorted(came) == sorted(uids(STUDY)) for came, _ in results)
    assert len(answerers[1].asked.sent) == 12


def test_who_was_silent_is_asked_last_for_a_while():
    answerers = holders({"silent_after": 0}, {})

    async def run(clock):
        at = bridge(clock, *answerers, patience_seconds=PATIENCE, keeps=False)
        for one in STUDY[:4]:
            await drained(await at.supply(one_of(one)))
        return clock.monotonic()

    assert virtually(run) < PATIENCE + 1
    assert len(answerers[0].asked.fetches) == 1
