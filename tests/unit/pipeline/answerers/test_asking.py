import asyncio

import pytest
from bridging import ASKER, STUDIES, bridge, study, virtually

from hilum.kernel.errors import Full
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.terms import Terms
from hilum.query.level import Level
from hilum.query.query import Query
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer


def healthy(name="healthy", *studies):
    instances = [one for number in studies or (1, 2) for one in study(number)]
    return MemoryAnswerer(name, instances, Behaviour(seconds_before=0.02))


def slow(seconds=3.0, *studies):
    instances = [one for number in studies or (2, 3) for one in study(number)]
    return MemoryAnswerer("slow", instances, Behaviour(seconds_before=seconds))


def dead():
    return MemoryAnswerer("dead", [], Behaviour(ailment=Lost.UNREACHABLE))


def hanging():
    return MemoryAnswerer("hanging", [], Behaviour(seconds_before=1e6))


def names(matches):
    return [(match.answerer, match.identity[0][-4:]) for match in matches]


async def timed(at, query=STUDIES):
    """Give each batch with when it came."""
    begun = at.clock.monotonic()
    return [(at.clock.monotonic() - begun, batch) async for batch in at.archive.find(query, ASKER)]


ORDERS = [(0, 1, 2, 3), (1, 0, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 2, 3, 0)]


@pytest.mark.parametrize("order", ORDERS)
def test_first_matches_are_out_soon_after_the_healthy_ones_wherever_it_stands(order):
    answerers = [healthy(), slow(), dead(), hanging()]

    async def run(clock):
        return await timed(bridge(clock, *[answerers[n] for n in order]))

    batches = virtually(run)

    assert batches[0][0] < 0.07  # 20 ms of its own, 40 ms of patience with those before it
    assert [match.answerer for match in batches[0][1].matches] == ["healthy"] * 2
    assert [match.answerer for _, batch in batches[1:] for match in batch.matches] == ["slow"]
    assert set(batches[-1][1].warnings) == {
        "dead: cannot be reached",
        "hanging: did not answer in time",
    }


def test_a_match_is_told_by_the_first_in_order_and_once():
    async def run(clock):
        return await bridge(clock, healthy("b", 1, 2), healthy("a", 2, 3, 1)).matches()

    assert [match.answerer for match in virtually(run)] == ["b", "b", "a"]


def test_pages_are_cut_from_one_whole_though_the_slow_one_is_first():
    first = slow(1.0, 1, 2, 3)
    second = healthy("healthy", 3, 4, 5)

    async def run(clock):
        at = bridge(clock, first, second)
        pages = []
        for offset in range(0, 8, 2):
            page = Query(Level.STUDY, limit=2, offset=offset)
            pages.append(await at.matches(page))
            first.behaviour.seconds_before = 0.0  # it woke up: the pages go on as they began
        return pages

    pages = virtually(run)

    identities = [match.identity for page in pages for match in page]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert len(set(identities)) == 5
    assert pages[0][0].answerer == "healthy"


def test_each_is_asked_for_enough_and_not_for_everything():
    answerer, other = healthy("a"), healthy("b")

    async def run(clock):
        await bridge(clock, answerer, other).matches(Query(Level.STUDY, limit=3, offset=4))

    virtually(run)

    assert [(q.limit, q.offset) for q in (*answerer.asked.finds, *other.asked.finds)] == [
        (8, 0)
    ] * 2


def test_one_alone_is_asked_for_the_page_itself():
    answerer = healthy("a")

    async def run(clock):
        await bridge(clock, answerer).matches(Query(Level.STUDY, limit=3, offset=4))

    virtually(run)

    assert [(query.limit, query.offset) for query in answerer.asked.finds] == [(3, 4)]


def test_when_all_fail_the_first_one_says_why():
    async def run(clock):
        await bridge(clock, hanging(), dead()).matches()

    with pytest.raises(AnswererFailed) as failure:
        virtually(run)

    assert (failure.value.answerer, failure.value.ailment) == ("hanging", Lost.LATE)


def test_a_missing_part_is_an_error_where_that_was_wanted():
    terms = Terms(partial="fail")

    async def run(clock):
        await bridge(clock, healthy(), dead(), terms=terms).matches()

    with pytest.raises(AnswererFailed) as failure:
        virtually(run)

    assert failure.value.answerer == "dead"


def test_one_that_dies_in_the_middle_is_told_of_and_the_others_go_on():
    dying = MemoryAnswerer("dying", study(1) + study(2), Behaviour(dies_after=1))

    async def run(clock):
        return await timed(bridge(clock, dying, healthy("b", 2, 3)))

    batches = virtually(run)

    assert sum(len(batch.matches) for _, batch in batches) == 3
    assert batches[-1][1].warnings == ("dying: ended the connection",)


def test_nothing_found_is_one_empty_batch():
    async def run(clock):
        return await timed(bridge(clock, MemoryAnswerer("a"), MemoryAnswerer("b")))

    ((_, batch),) = virtually(run)

    assert batch.matches == ()
    assert batch.warnings == ()


def test_who_stops_early_stops_everybody():
    answerers = [
        MemoryAnswerer("a", study(1, 50), Behaviour(batch=1, seconds_each=0.01)),
        MemoryAnswerer("b", study(2, 50), Behaviour(batch=1, seconds_each=0.01)),
    ]

    async def run(clock):
        found = bridge(clock, *answerers).archive.find(Query(Level.IMAGE), ASKER)
        await anext(found)
        await found.aclose()
        return len(asyncio.all_tasks())

    assert virtually(run) == 1
    assert [one.asked.under_way for one in answerers] == [0, 0]
    assert all(one.asked.cancelled for one in answerers)


def test_nothing_is_given_when_it_cannot_be_accounted_for():
    async def run(clock):
        at = bridge(clock, healthy())
        at.accounts.is_broken = Full("no room for audit records")
        return await at.matches()

    with pytest.raises(Full):
        virtually(run)


def test_a_search_is_audited_once():
    async def run(clock):
        at = bridge(clock, healthy("a"), healthy("b"))
        await at.matches()
        return at.accounts.records

    (record,) = virtually(run)

    assert (record.event, record.detail) == ("query", "STUDY: all")


def test_answers_that_are_not_read_are_not_heard_further():
    many = MemoryAnswerer("many", study(1, 60), Behaviour(batch=1))

    async def run(clock):
        found = bridge(clock, MemoryAnswerer("a", study(2, 60), Behaviour(batch=1)), many).archive
        batches = found.find(Query(Level.IMAGE), ASKER)
        await anext(batches)
        await asyncio.sleep(5)
        begun = many.asked.finds[0]
        await batches.aclose()
        return begun

    virtually(run)

    assert many.asked.cancelled == 1


def test_one_that_comes_back_between_two_pages_is_behind_what_was_given():
    back, other = dead(), healthy("b", 2, 3)

    async def run(clock):
        at = bridge(clock, back, other)
        first = await at.matches(Query(Level.STUDY, limit=1))
        back.behaviour.ailment = None
        back.instances = [*study(1), *study(4)]
        rest = await at.matches(Query(Level.STUDY, limit=9, offset=1))
        return [match.answerer for match in (*first, *rest)]

    assert virtually(run) == ["b", "b", "dead", "dead"]
