import asyncio
from collections import Counter

import pytest
from bridging import Events, bridge, drained, retrieval_of, study, uids, virtually

from hilum.dicom import tags
from hilum.dicom.matching import AnyOf, Key
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.balancing import OneOf
from hilum.pipeline.answerers.guarding import GuardedAnswerer
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

STUDIES = [study(number) for number in range(20)]
ALL = [one for instances in STUDIES for one in instances]


def balanced(clock, *answerers, weights=None):
    guards = [GuardedAnswerer(one, clock=clock, telemetry=Events()) for one in answerers]
    return OneOf("pacs", guards, weights)


def three(**behaviour):
    return [MemoryAnswerer(name, ALL, Behaviour(**behaviour)) for name in "abc"]


def of_study(number):
    uid = STUDIES[number][0].study_instance_uid
    return Query(Level.SERIES, keys=(Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf((uid,))),))


STUDY_LEVEL = Query(Level.STUDY)


async def found(answerer, query=STUDY_LEVEL):
    return [match async for batch in answerer.find(query) for match in batch.matches]


def test_questions_at_once_are_shared_out():
    answerers = three(seconds_before=1.0)

    async def run(clock):
        one = balanced(clock, *answerers)
        await asyncio.gather(*[found(one) for _ in range(30)])

    virtually(run)

    assert [len(one.asked.finds) for one in answerers] == [10, 10, 10]


def test_questions_one_after_the_other_are_shared_out_by_weight():
    answerers = three()

    async def run(clock):
        one = balanced(clock, *answerers, weights={"a": 2.0, "b": 1.0, "c": 1.0})
        for _ in range(40):
            await found(one)

    virtually(run)

    counts = [len(one.asked.finds) for one in answerers]
    assert counts[0] > 18
    assert sum(counts) == 40


def test_a_study_stays_where_it_was_found():
    answerers = three()

    async def run(clock):
        one = balanced(clock, *answerers)
        for _ in range(5):
            for number in range(6):
                await found(one, of_study(number))
                await one.expect(retrieval_of(STUDIES[number]))

    virtually(run)

    places = Counter()
    for answerer in answerers:
        for number in range(6):
            uid = STUDIES[number][0].study_instance_uid
            places[number] += any(uid in query.uids(Level.STUDY) for query in answerer.asked.finds)
    assert set(places.values()) == {1}


def test_the_pages_of_a_question_come_from_one():
    answerers = three()

    async def run(clock):
        one = balanced(clock, *answerers)
        for offset in range(0, 20, 5):
            assert len(await found(one, Query(Level.STUDY, limit=5, offset=offset))) == 5

    virtually(run)

    assert sorted(len(one.asked.finds) for one in answerers) == [0, 0, 4]


def test_another_one_answers_for_one_that_is_dead():
    answerers = three()
    answerers[0].behaviour.ailment = Lost.UNREACHABLE

    async def run(clock):
        one = balanced(clock, *answerers)
        results = [len(await found(one)) for _ in range(20)]
        await one.verify()
        for member in one._members:
            await member.aclose()
        return results

    assert virtually(run) == [20] * 20
    assert len(answerers[0].asked.finds) == 3


def test_a_study_that_one_has_not_is_looked_for_at_the_others():
    answerers = [MemoryAnswerer("a"), MemoryAnswerer("b", STUDIES[1]), MemoryAnswerer("c")]

    async def run(clock):
        one = balanced(clock, *answerers)
        matches = await found(one, of_study(1))
        expected = await one.expect(retrieval_of(STUDIES[1]))
        nothing = await one.expect(retrieval_of(STUDIES[2]))
        return len(matches), len(expected), len(nothing), await found(one, of_study(3))

    assert virtually(run) == (1, 4, 0, [])


def test_a_study_is_not_told_missing_while_one_of_them_cannot_be_asked():
    answerers = [MemoryAnswerer("a"), MemoryAnswerer("b", [], Behaviour(ailment=Lost.BUSY))]

    async def run(clock):
        await found(balanced(clock, *answerers), of_study(1))

    with pytest.raises(AnswererFailed):
        virtually(run)


def test_what_one_cannot_bring_comes_from_another():
    answerers = three(dies_after=2)
    answerers[2].behaviour.dies_after = None

    async def run(clock):
        at = bridge(clock, balanced(clock, *answerers))
        return await drained(await at.supply(retrieval_of(STUDIES[0])))

    came, missed = virtually(run)

    assert sorted(came) == sorted(uids(STUDIES[0]))
    assert not missed


def test_when_none_can_begin_a_fetch_it_fails():
    answerers = three()

    async def run(clock):
        shared = balanced(clock, *answerers)
        supply = await bridge(clock, shared).supply(retrieval_of(STUDIES[0]))
        for one in answerers:
            one.behaviour.ailment = Lost.REJECTED
        try:
            await drained(supply)
        finally:
            for member in shared._members:
                await member.aclose()

    with pytest.raises(AnswererFailed) as failure:
        virtually(run)

    assert failure.value.ailment is Lost.REJECTED


def test_the_next_is_asked_when_one_hangs():
    answerers = three()
    answerers[0].behaviour.seconds_before = 1e6

    async def run(clock):
        one = balanced(clock, *answerers)
        for _ in range(12):
            assert len(await found(one)) == 20
        for _ in range(12):
            assert len(await one.expect(retrieval_of(STUDIES[0]))) == 4
        seconds = clock.monotonic()
        for member in one._members:
            await member.aclose()
        return seconds

    assert virtually(run) < 10
    assert len(answerers[0].asked.finds) + len(answerers[0].asked.expects) == 3
