"""Who falls silent keeps nobody waiting whom another one can serve, and nothing comes twice."""

import asyncio

import pytest
from bridging import Events, bridge, drained, retrieval_of, study, uids, virtually

from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.balancing import OneOf
from hilum.pipeline.answerers.events import FetchEnded, RivalAsked
from hilum.pipeline.answerers.guarding import GuardedAnswerer
from hilum.pipeline.answerers.ports import Fetch
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer
from hilum.testing.memory_cache import MemoryCache

STUDY = study(1, 12)
PATIENCE = 3.0


def two(first, second, **more):
    return [
        MemoryAnswerer("a", STUDY, Behaviour(**first, **more)),
        MemoryAnswerer("b", STUDY, Behaviour(**second, **more)),
    ]


def group(clock, answerers, events=None):
    guards = [GuardedAnswerer(one, clock=clock, telemetry=Events()) for one in answerers]
    return OneOf("pacs", guards, patience_seconds=PATIENCE, telemetry=events)


def fetched(answerers, *, whole=False, sink_of=None):
    """Fetch once; give what landed in order, what did not, the seconds and the events."""

    async def run(clock):
        events, kept = Events(), MemoryCache().sink("pacs")
        wanted = None if whole else STUDY
        before = clock.monotonic()
        one = group(clock, answerers, events)
        sink = sink_of(kept) if sink_of else kept
        missing = await one.fetch(Fetch(retrieval_of(STUDY), wanted), sink)
        seconds = clock.monotonic() - before
        kept.end()
        landed = [holding.sop_instance_uid async for holding in kept.kept()]
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return landed, missing, seconds, events

    return virtually(run)


def test_who_says_nothing_at_all_is_left_for_another_one_soon():
    answerers = two({"silent_after": 0}, {})

    landed, missing, seconds, events = fetched(answerers)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing
    assert PATIENCE <= seconds < PATIENCE + 1
    assert answerers[0].asked.cancelled == 1
    assert [(one.answerer, one.rival) for one in events.of(RivalAsked)] == [("a", "b")]


@pytest.mark.parametrize("whole", [False, True])
def test_who_falls_silent_in_the_middle_is_relieved_and_nothing_comes_twice(whole):
    answerers = two({"silent_after": 5}, {}, seconds_each=0.1)

    landed, missing, seconds, _ = fetched(answerers, whole=whole)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing
    assert seconds < 0.5 + PATIENCE + 1.5
    assert answerers[0].asked.under_way == answerers[1].asked.under_way == 0


def test_only_the_rest_is_asked_of_the_rival():
    answerers = two({"silent_after": 5}, {})

    fetched(answerers)

    assert len(answerers[1].asked.sent) == 7


def test_one_that_is_slow_and_gives_first_goes_on_alone():
    answerers = two({"seconds_before": 5.0}, {"seconds_before": 60.0})

    landed, missing, seconds, _ = fetched(answerers)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing
    assert seconds < 6
    assert answerers[1].asked.cancelled == 1
    assert not answerers[1].asked.sent


def test_nobody_is_asked_beside_one_that_gives():
    answerers = two({}, {}, seconds_each=2.9)

    landed, _, _, events = fetched(answerers)

    assert len(landed) == 12
    assert not events.of(RivalAsked)
    assert not answerers[1].asked.fetches


def test_a_sink_that_takes_its_time_is_no_silence():
    class Slow:
        def __init__(self, sink):
            self.sink = sink

        async def land(self, incoming):
            await asyncio.sleep(2 * PATIENCE)
            return await self.sink.land(incoming)

    answerers = two({}, {})

    landed, _, _, events = fetched(answerers, sink_of=Slow)

    assert len(landed) == 12
    assert not events.of(RivalAsked)


def test_a_rival_that_fails_does_not_end_the_one_that_is_slow():
    answerers = two({"seconds_before": 10.0}, {"ailment": Lost.UNREACHABLE})

    landed, missing, _, _ = fetched(answerers)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing


def test_a_rival_that_has_not_all_leaves_the_rest_to_the_one_that_is_slow():
    answerers = two({"seconds_before": 10.0}, {"missing": frozenset(uids(STUDY))})

    landed, missing, _, _ = fetched(answerers)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing


def test_who_was_left_is_asked_once_more_when_the_winner_dies():
    answerers = two({"silent_after": 0}, {"dies_after": 4}, seconds_each=0.5)

    async def run(clock):
        kept = MemoryCache().sink("pacs")
        one = group(clock, answerers)
        fetching = asyncio.create_task(one.fetch(Fetch(retrieval_of(STUDY), STUDY), kept))
        await asyncio.sleep(PATIENCE + 1)
        answerers[0].behaviour.silent_after = None
        return await fetching

    assert not virtually(run)
    assert sorted(answerers[0].asked.sent + answerers[1].asked.sent) == sorted(uids(STUDY))


def test_when_all_are_silent_none_is_asked_again_and_again():
    answerers = two({"silent_after": 0}, {"silent_after": 0})

    async def run(clock):
        one = group(clock, answerers)
        async with asyncio.timeout(1000):
            await one.fetch(Fetch(retrieval_of(STUDY), STUDY), MemoryCache().sink("pacs"))

    with pytest.raises(TimeoutError):
        virtually(run)
    assert [len(one.asked.fetches) for one in answerers] == [1, 1]
    assert [one.asked.under_way for one in answerers] == [0, 0]


def test_the_third_is_asked_when_the_rival_is_silent_too():
    third = MemoryAnswerer("c", STUDY)
    answerers = [*two({"silent_after": 2}, {"silent_after": 0}), third]

    landed, missing, seconds, _ = fetched(answerers)

    assert sorted(landed) == sorted(uids(STUDY))
    assert not missing
    assert seconds < 3 * PATIENCE


def test_when_all_fail_the_first_failure_is_told():
    answerers = two({"ailment": Lost.REJECTED}, {"ailment": Lost.UNREACHABLE})

    with pytest.raises(AnswererFailed) as failed:
        fetched(answerers)

    assert failed.value.ailment is Lost.REJECTED


def test_who_was_silent_is_asked_last_for_a_while():
    answerers = two({"silent_after": 0}, {})

    async def run(clock):
        one = group(clock, answerers)
        for _ in range(3):
            kept = MemoryCache().sink("pacs")
            await one.fetch(Fetch(retrieval_of(STUDY), STUDY), kept)
        return clock.monotonic()

    assert virtually(run) < PATIENCE + 1
    assert len(answerers[0].asked.fetches) == 1


def test_a_study_behind_a_group_arrives_whole_and_once():
    answerers = two({"silent_after": 5}, {}, counts=True)

    async def run(clock):
        at = bridge(clock, group(clock, answerers))
        came, missed = await drained(await at.supply(retrieval_of(STUDY)))
        return came, missed, clock.monotonic(), at.events.of(FetchEnded)

    came, missed, seconds, ended = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert seconds < PATIENCE + 1
    assert [(one.outcome, one.instances) for one in ended] == [("complete", 12)]
