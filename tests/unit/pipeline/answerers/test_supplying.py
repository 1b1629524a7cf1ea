import asyncio

import pytest
from bridging import ASKER, bridge, drained, one_of, retrieval_of, study, uids, virtually

from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.events import FetchEnded
from hilum.pipeline.answerers.reader import AHEAD_INSTANCES
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

STUDY = study(1, 12, series=3)


def test_a_study_is_fetched_and_every_instance_given():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        supply = await at.supply(retrieval_of(STUDY))
        assert supply.holdings is None
        assert [one.sop_instance_uid for one in supply.expected] == uids(STUDY)
        result = await drained(supply)
        await asyncio.sleep(1)
        return result, at

    (came, missed), at = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert missed == []
    assert not at.cache.pins
    assert len(answerer.asked.fetches) == 1
    assert [(one.outcome, one.instances) for one in at.events.of(FetchEnded)] == [("complete", 12)]


def test_what_is_in_the_cache_is_not_fetched_again():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        await drained(await at.supply(retrieval_of(STUDY)))
        supply = await at.supply(retrieval_of(STUDY))
        here = [one.sop_instance_uid for one in supply.holdings]
        await supply.aclose()
        return here, at

    here, at = virtually(run)

    assert here == uids(STUDY)
    assert len(answerer.asked.fetches) == 1
    assert not at.cache.pins


def test_fifty_clients_cause_one_fetch():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_before=0.1, seconds_each=0.01))

    async def client(at, seconds):
        await asyncio.sleep(seconds)
        return await drained(await at.supply(retrieval_of(STUDY)))

    async def run(clock):
        at = bridge(clock, answerer, keeps=False)
        return await asyncio.gather(*[client(at, n / 1000) for n in range(50)]), at

    results, at = virtually(run)

    assert all(sorted(came) == sorted(uids(STUDY)) and not missed for came, missed in results)
    assert len(answerer.asked.fetches) == len(answerer.asked.expects) == 1
    assert answerer.asked.sent == uids(STUDY)
    assert not at.cache.pins
    assert not at.cache.paths


def test_one_instance_of_what_is_under_way_is_waited_for_and_no_longer():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_each=1.0))

    async def run(clock):
        at = bridge(clock, answerer)
        whole = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY))))
        await asyncio.sleep(0.5)
        came, _ = await drained(await at.supply(one_of(STUDY[3])))
        seconds = clock.monotonic()
        await whole
        return came, seconds

    came, seconds = virtually(run)

    assert came == [STUDY[3].sop_instance_uid]
    assert 4.0 <= seconds < 4.5
    assert answerer.asked.sent == uids(STUDY)


def test_what_the_first_holder_cannot_give_comes_from_the_next():
    first = MemoryAnswerer("first", STUDY, Behaviour(dies_after=5, seconds_each=0.1))
    second = MemoryAnswerer("second", STUDY)

    async def run(clock):
        at = bridge(clock, first, second)
        return await drained(await at.supply(retrieval_of(STUDY))), at

    (came, missed), at = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert (len(first.asked.sent), len(second.asked.sent)) == (5, 7)
    assert not at.cache.pins


def test_a_holder_that_does_not_begin_is_replaced():
    first = MemoryAnswerer("first", STUDY)
    second = MemoryAnswerer("second", STUDY)

    async def run(clock):
        at = bridge(clock, first, second)
        supply = await at.supply(retrieval_of(STUDY))
        first.behaviour.ailment = Lost.UNREACHABLE
        return await drained(supply)

    came, missed = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed


def test_a_holder_that_stalls_in_the_middle_is_replaced():
    first = MemoryAnswerer("first", STUDY, Behaviour(seconds_each=1e6))
    second = MemoryAnswerer("second", STUDY)

    async def run(clock):
        at = bridge(clock, first, second, stall_seconds=20.0, patience_seconds=100.0)
        return await drained(await at.supply(retrieval_of(STUDY))), clock.monotonic()

    (came, missed), seconds = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert 20.0 <= seconds < 22.0


def test_what_nobody_can_give_is_missing_with_a_reason():
    gone = frozenset(uids(STUDY[:2]))
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(missing=gone))

    async def run(clock):
        return await drained(await bridge(clock, answerer).supply(retrieval_of(STUDY)))

    came, missed = virtually(run)

    assert len(came) == 10
    assert {one.sop_instance_uid: one.reason for one in missed} == dict.fromkeys(
        gone, "it is not there"
    )


def test_when_nothing_can_be_begun_that_is_the_answer():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        supply = await at.supply(retrieval_of(STUDY))
        answerer.behaviour.ailment = Lost.ABORTED
        await drained(supply)

    with pytest.raises(AnswererFailed):
        virtually(run)


def test_a_dead_answerer_is_no_empty_study():
    answerers = [MemoryAnswerer("empty"), MemoryAnswerer("dead", [], Behaviour(ailment=Lost.LATE))]

    async def run(clock):
        await bridge(clock, *answerers).supply(retrieval_of(STUDY))

    with pytest.raises(AnswererFailed) as failure:
        virtually(run)

    assert failure.value.answerer == "dead"


def test_a_supply_without_one_of_the_answerers_says_so():
    dead = MemoryAnswerer("dead", [], Behaviour(ailment=Lost.LATE))

    async def run(clock):
        supply = await bridge(clock, dead, MemoryAnswerer("pacs", STUDY)).supply(
            retrieval_of(STUDY)
        )
        await drained(supply)
        return supply.warnings

    assert virtually(run) == ["dead: did not answer in time"]


def test_the_last_reader_takes_the_fetch_with_it():
    answerer = MemoryAnswerer("pacs", STUDY, Behaviour(seconds_each=1.0))

    async def run(clock):
        at = bridge(clock, answerer, keeps=False)
        supplies = [await at.supply(retrieval_of(STUDY)) for _ in range(2)]
        await asyncio.sleep(2.5)
        await supplies[0].aclose()
        await asyncio.sleep(1)
        before = answerer.asked.under_way
        await supplies[1].aclose()
        await asyncio.sleep(0.001)
        return before, answerer.asked.under_way, len(asyncio.all_tasks()), at

    before, after, tasks, at = virtually(run)

    assert (before, after, tasks) == (1, 0, 1)
    assert not at.cache.pins
    assert not at.cache.paths
    assert at.events.of(FetchEnded)[0].outcome == "cancelled"


def test_a_fetch_runs_ahead_of_a_slow_reader_by_a_bound():
    many = study(1, 200)
    answerer = MemoryAnswerer("pacs", many)

    async def run(clock):
        at = bridge(clock, answerer, keeps=False)
        supply = await at.supply(retrieval_of(many))
        await asyncio.sleep(10)
        ahead = len(at.cache.paths)
        came, missed = await drained(supply)
        return ahead, came, missed

    ahead, came, missed = virtually(run)

    assert ahead <= AHEAD_INSTANCES + 1
    assert sorted(came) == sorted(uids(many))
    assert not missed
    assert len(answerer.asked.sent) == len(many)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_reader_that_stands_still_does_not_hold_up_the_others(keeps):
    many = study(1, 200)
    answerer = MemoryAnswerer("pacs", many, Behaviour(seconds_each=0.01))

    async def run(clock):
        at = bridge(clock, answerer, keeps=keeps)
        still = await at.supply(retrieval_of(many))
        came, _ = await drained(await at.supply(retrieval_of(many)))
        seconds, pins = clock.monotonic(), len(at.cache.pins)
        late, missed = await drained(still)
        return came, seconds, pins, late, missed, at

    came, seconds, pins, late, missed, at = virtually(run)

    assert sorted(came) == sorted(late) == sorted(uids(many))
    assert seconds < 3.0
    assert pins <= AHEAD_INSTANCES + 1
    assert not missed
    assert not at.cache.pins


def test_one_instance_is_answered_by_the_list_of_its_study():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer, keeps=False)
        await (await at.supply(retrieval_of(STUDY), Purpose.METADATA)).aclose()
        for one in STUDY:
            await (await at.supply(one_of(one), Purpose.RENDER)).aclose()
        series = {Level.STUDY: retrieval_of(STUDY).keys[Level.STUDY]}
        series[Level.SERIES] = (STUDY[0].series_instance_uid,)
        supply = await at.supply(Retrieval(Level.SERIES, series), Purpose.METADATA)
        await supply.aclose()
        asked = len(answerer.asked.expects)
        await asyncio.sleep(31)
        await (await at.supply(one_of(STUDY[0]), Purpose.RENDER)).aclose()
        return asked, len(supply.expected)

    assert virtually(run) == (1, 4)
    assert len(answerer.asked.expects) == 2


def test_what_is_in_the_cache_is_given_without_asking_while_it_is_there():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        await drained(await at.supply(retrieval_of(STUDY)))
        await asyncio.sleep(3600)
        answerer.behaviour.ailment = Lost.UNREACHABLE
        supplies = [await at.supply(one_of(one)) for one in STUDY]
        return [len(one.holdings) for one in supplies]

    assert virtually(run) == [1] * len(STUDY)
    assert len(answerer.asked.expects) == 1


def test_who_takes_a_study_away_gets_what_there_is_now():
    answerer = MemoryAnswerer("pacs", STUDY[:5])

    async def run(clock):
        at = bridge(clock, answerer)
        await drained(await at.supply(retrieval_of(STUDY), Purpose.METADATA))
        answerer.instances = list(STUDY)
        return await drained(await at.supply(retrieval_of(STUDY), Purpose.MOVE))

    came, missed = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert sorted(answerer.asked.sent) == sorted(uids(STUDY))


def test_what_is_wanted_of_a_study_is_all_that_is_fetched():
    answerer = MemoryAnswerer("pacs", STUDY)

    async def run(clock):
        at = bridge(clock, answerer)
        await drained(await at.supply(one_of(STUDY[0])))
        await drained(await at.supply(retrieval_of(STUDY)))

    virtually(run)

    assert sorted(answerer.asked.sent) == sorted(uids(STUDY))
    levels = [fetch.retrieval.level for fetch in answerer.asked.fetches]
    assert levels == [Level.IMAGE, Level.SERIES, Level.IMAGE]


def test_every_access_is_audited_with_the_patient_if_known():
    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY))
        await at.matches()
        await drained(await at.supply(retrieval_of(STUDY)))
        await at.supply(retrieval_of(study(7)))
        return at.accounts.records

    _, found, nothing = virtually(run)

    assert (found.event, found.outcome, found.detail) == ("get", "success", "STUDY: 12 instances")
    assert found.patient_id
    assert found.study_instance_uid == STUDY[0].study_instance_uid
    assert nothing.outcome == "nothing held"


def test_holdings_wait_for_all_and_stay_for_a_minute():
    async def run(clock):
        at = bridge(clock, MemoryAnswerer("pacs", STUDY), keeps=False)
        found = await at.archive.holdings(retrieval_of(STUDY), ASKER, Purpose.METADATA)
        told = [one async for one in at.archive.metadata(found, "http://x")]
        await asyncio.sleep(61)
        return len(found), len(told), at.cache.paths

    assert virtually(run) == (12, 12, set())
