"""A study begins to stream before anybody has listed it; nothing of it is lost all the same."""

import asyncio

import pytest
from bridging import ASKER, SlowCache, bridge, drained, one_of, retrieval_of, study, uids, virtually

from hilum.kernel.errors import Full
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.balancing import OneOf
from hilum.pipeline.answerers.events import FetchEnded
from hilum.pipeline.answerers.once import REMEMBERED_SECONDS
from hilum.pipeline.answerers.reader import AHEAD_INSTANCES
from hilum.pipeline.archive.ports import Purpose
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer

STUDY = study(1, 12, series=3)


def counting(**behaviour):
    return MemoryAnswerer("pacs", STUDY, Behaviour(counts=True, **behaviour))


def series_of(one):
    keys = {Level.STUDY: (one.study_instance_uid,), Level.SERIES: (one.series_instance_uid,)}
    return Retrieval(Level.SERIES, keys)


def retrieved(answerer, retrieval=None, **options):
    """Retrieve once; give what came, what did not, and the bridge."""

    async def run(clock):
        at = bridge(clock, answerer, **options)
        came, missed = await drained(await at.supply(retrieval or retrieval_of(STUDY)))
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == 1
        assert not at.cache.pins
        return came, missed, at

    return virtually(run)


def wholes(answerer):
    return [one.wanted is None for one in answerer.asked.fetches]


@pytest.mark.parametrize("retrieval", [retrieval_of(STUDY), series_of(STUDY[0])])
def test_a_study_or_series_that_is_counted_is_not_listed(retrieval):
    answerer = counting()
    meant = [one for one in STUDY if retrieval.level is Level.STUDY or one in STUDY[::3]]

    came, missed, at = retrieved(answerer, retrieval)

    assert sorted(came) == sorted(uids(meant))
    assert not missed
    assert wholes(answerer) == [True]
    assert not answerer.asked.expects
    assert [(one.outcome, one.missing) for one in at.events.of(FetchEnded)] == [("complete", 0)]


def test_the_first_is_given_before_the_second_has_come_and_the_count_is_told():
    answerer = counting(seconds_before=0.01, seconds_each=1.0)

    async def run(clock):
        supply = await bridge(clock, answerer).supply(retrieval_of(STUDY))
        assert (supply.count, supply.expected, supply.holdings) == (12, (), None)
        given = aiter(supply)
        first = await anext(given)
        seconds = clock.monotonic()
        await given.aclose()
        await supply.aclose()
        return first, seconds

    first, seconds = virtually(run)

    assert first.sop_instance_uid == STUDY[0].sop_instance_uid
    assert seconds < 1.1


@pytest.mark.parametrize("dies_after", [0, 1, 11])
@pytest.mark.parametrize("keeps", [True, False])
def test_what_a_cut_whole_fetch_lacks_is_listed_and_fetched(dies_after, keeps):
    answerer = counting(whole_dies_after=dies_after)

    came, missed, _ = retrieved(answerer, keeps=keeps)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert len(answerer.asked.expects) == 1
    assert sorted(answerer.asked.sent) == sorted(uids(STUDY))


@pytest.mark.parametrize("miscounts", [-5, -1, 1, 100])
def test_a_wrong_count_costs_a_list_and_no_instance(miscounts):
    answerer = counting(miscounts=miscounts)

    came, missed, _ = retrieved(answerer)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert len(answerer.asked.expects) == 1
    assert wholes(answerer) == [True]


def test_what_is_left_out_without_a_word_is_fetched_by_its_name():
    answerer = counting(unlisted=frozenset(uids(STUDY[3:5])))

    came, missed, _ = retrieved(answerer)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed


def test_a_count_that_fits_by_chance_does_not_hide_a_cut():
    answerer = counting(miscounts=-2, whole_dies_after=10)

    came, _, _ = retrieved(answerer)

    assert sorted(came) == sorted(uids(STUDY))


def test_what_cannot_be_had_is_missing_by_its_name():
    gone = frozenset(uids(STUDY[:2]))
    answerer = counting(missing=gone)

    came, missed, _ = retrieved(answerer)

    assert len(came) == 10
    assert {one.sop_instance_uid for one in missed} == gone


def test_nothing_there_is_found_out_by_a_list():
    answerer = counting()

    came, missed, _ = retrieved(answerer, retrieval_of(study(7)))

    assert (came, missed) == ([], [])
    assert not answerer.asked.fetches


@pytest.mark.parametrize("purpose", [Purpose.METADATA, Purpose.RENDER, Purpose.FETCH])
def test_who_needs_the_order_or_the_names_gets_a_list(purpose):
    answerer = counting()

    async def run(clock):
        supply = await bridge(clock, answerer).supply(retrieval_of(STUDY), purpose)
        named = uids(supply.expected)
        await drained(supply)
        return named

    assert virtually(run) == uids(STUDY)
    assert wholes(answerer) == [False]


def test_what_is_in_the_cache_in_part_is_not_fetched_again():
    answerer = counting()

    async def run(clock):
        at = bridge(clock, answerer)
        await drained(await at.supply(one_of(STUDY[0])))
        return await drained(await at.supply(retrieval_of(STUDY)))

    came, _ = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert sorted(answerer.asked.sent) == sorted(uids(STUDY))


@pytest.mark.parametrize("keeps", [True, False])
def test_fifty_clients_cause_one_count_and_one_fetch(keeps):
    answerer = counting(seconds_before=0.1, seconds_each=0.01)

    async def client(at, seconds):
        await asyncio.sleep(seconds)
        return await drained(await at.supply(retrieval_of(STUDY)))

    async def run(clock):
        at = bridge(clock, answerer, keeps=keeps)
        return await asyncio.gather(*[client(at, n / 300) for n in range(50)]), at

    results, at = virtually(run)

    assert all(sorted(came) == sorted(uids(STUDY)) and not missed for came, missed in results)
    assert wholes(answerer) == [True]
    assert len(answerer.asked.counts) == 1
    assert answerer.asked.sent == uids(STUDY)
    assert not at.cache.pins
    assert keeps or not at.cache.paths


@pytest.mark.parametrize("cache", [None, SlowCache()])
def test_who_comes_late_gets_what_has_landed_from_the_cache(cache):
    answerer = counting(seconds_each=1.0)

    async def run(clock):
        at = bridge(clock, answerer, cache=cache)
        looks = Purpose.RETRIEVE
        first = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY), looks)))
        await asyncio.sleep(6.5)
        second, _ = await drained(await at.supply(retrieval_of(STUDY), looks))
        await first
        return second, at

    second, at = virtually(run)

    assert second == uids(STUDY)
    assert answerer.asked.sent == uids(STUDY)
    assert wholes(answerer) == [True]
    assert not at.cache.pins


def asked_one_after_another(*purposes):
    """Retrieve the study for each purpose; give what was kept behind each, and who brought it."""
    answerer = counting()

    async def run(clock):
        at, kept = bridge(clock, answerer), []
        for purpose in purposes:
            came, missed = await drained(await at.supply(retrieval_of(STUDY), purpose))
            assert (sorted(came), missed) == (sorted(uids(STUDY)), [])
            kept.append(len(at.cache.paths))
        assert not at.cache.pins
        return kept

    return virtually(run), answerer


@pytest.mark.parametrize("takes", [Purpose.GET, Purpose.MOVE])
def test_what_is_taken_away_is_not_kept_before_it_is_asked_for_again(takes):
    kept, answerer = asked_one_after_another(takes, takes, takes)

    assert kept == [0, 12, 12]
    assert wholes(answerer) == [True, True]


@pytest.mark.parametrize("looks", [Purpose.RETRIEVE, Purpose.EXPORT])
def test_what_is_looked_at_is_kept_at_once(looks):
    kept, answerer = asked_one_after_another(looks, Purpose.GET)

    assert kept == [12, 12]
    assert wholes(answerer) == [True]


@pytest.mark.parametrize(
    ("retrieval", "purpose"),
    [
        (retrieval_of(STUDY), Purpose.GET),
        (retrieval_of(STUDY), Purpose.RETRIEVE),
        (one_of(STUDY[11]), Purpose.RETRIEVE),
    ],
)
def test_what_is_taken_away_is_kept_from_when_somebody_else_wants_it(retrieval, purpose):
    answerer = counting(seconds_each=1.0)

    async def run(clock):
        at = bridge(clock, answerer)
        first = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY))))
        await asyncio.sleep(6.5)
        second, _ = await drained(await at.supply(retrieval, purpose))
        return second, await first, at

    second, (first, _), at = virtually(run)

    assert first == uids(STUDY)
    assert STUDY[11].sop_instance_uid in second
    assert retrieval.level is Level.IMAGE or sorted(second) == sorted(uids(STUDY))
    # What had passed by then came again for who came late, and was kept; nothing came three times.
    again = uids(STUDY[:6]) if retrieval.level is Level.STUDY else []
    assert sorted(answerer.asked.sent) == sorted([*uids(STUDY), *again])
    assert len(at.cache.paths) == (12 if again else 6)
    assert not at.cache.pins


def test_a_day_later_what_is_taken_away_passes_again():
    answerer = counting()

    async def run(clock):
        at = bridge(clock, answerer)
        for _ in range(2):
            await drained(await at.supply(retrieval_of(STUDY)))
            await asyncio.sleep(REMEMBERED_SECONDS + 1)
        return len(at.cache.paths)

    assert virtually(run) == 0


@pytest.mark.parametrize("retrieval", [one_of(STUDY[3]), series_of(STUDY[3]), retrieval_of(STUDY)])
@pytest.mark.parametrize("purpose", [Purpose.GET, Purpose.METADATA])
def test_whatever_is_wanted_of_a_whole_fetch_waits_for_it_and_no_longer(retrieval, purpose):
    answerer = counting(seconds_each=1.0)

    async def run(clock):
        at = bridge(clock, answerer)
        whole = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY))))
        await asyncio.sleep(0.5)
        came, missed = await drained(await at.supply(retrieval, purpose))
        seconds = clock.monotonic()
        await whole
        return came, missed, seconds

    came, missed, seconds = virtually(run)

    assert STUDY[3].sop_instance_uid in came
    assert not missed
    assert wholes(answerer) == [True]
    assert answerer.asked.sent == uids(STUDY)
    assert retrieval.level is not Level.IMAGE or seconds < 4.5


def test_an_instance_that_a_whole_fetch_never_brought_is_fetched_for_who_waited():
    answerer = counting(seconds_each=1.0, unlisted=frozenset(uids(STUDY[3:4])))

    async def run(clock):
        at = bridge(clock, answerer)
        whole = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY))))
        await asyncio.sleep(0.5)
        narrow = await drained(await at.supply(one_of(STUDY[3])))
        return narrow, await whole

    (one, missed), (came, _) = virtually(run)

    assert (one, missed) == ([STUDY[3].sop_instance_uid], [])
    assert sorted(came) == sorted(uids(STUDY))
    assert sorted(answerer.asked.sent) == sorted(uids(STUDY))


def test_while_a_listed_fetch_of_it_is_under_way_there_is_no_whole_one():
    answerer = counting(seconds_each=1.0)

    async def run(clock):
        at = bridge(clock, answerer)
        supply = await at.supply(retrieval_of(STUDY), Purpose.METADATA)
        listed = asyncio.ensure_future(drained(supply))
        await asyncio.sleep(0.5)
        await drained(await at.supply(retrieval_of(STUDY)))
        await listed

    virtually(run)

    assert wholes(answerer) == [False]
    assert answerer.asked.sent == uids(STUDY)


def test_two_series_of_one_study_are_two_whole_fetches():
    answerer = counting(seconds_each=0.1)

    async def run(clock):
        at = bridge(clock, answerer)
        supplies = [await at.supply(series_of(one)) for one in STUDY[:2]]
        return await asyncio.gather(*map(drained, supplies))

    (first, _), (second, _) = virtually(run)

    assert wholes(answerer) == [True, True]
    assert sorted(first + second) == sorted(uids(STUDY[::3] + STUDY[1::3]))


def test_the_last_reader_takes_the_whole_fetch_with_it():
    answerer = counting(seconds_each=1.0)

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


@pytest.mark.parametrize("keeps", [True, False])
def test_a_whole_fetch_runs_ahead_by_a_bound_and_passes_by_who_stands_still(keeps):
    many = study(1, 200)
    answerer = MemoryAnswerer("pacs", many, Behaviour(counts=True, seconds_each=0.01))

    async def run(clock):
        at = bridge(clock, answerer, keeps=keeps)
        still = await at.supply(retrieval_of(many))
        await asyncio.sleep(10)
        ahead = len(answerer.asked.sent)
        came, _ = await drained(await at.supply(retrieval_of(many)))
        seconds, pins = clock.monotonic(), len(at.cache.pins)
        late, missed = await drained(still)
        return ahead, came, seconds, pins, late, missed, at

    ahead, came, seconds, pins, late, missed, at = virtually(run)

    assert ahead <= AHEAD_INSTANCES + 1
    assert sorted(came) == sorted(late) == sorted(uids(many))
    assert seconds < 14.0
    assert pins <= AHEAD_INSTANCES + 1
    assert not missed
    assert not at.cache.pins


def test_when_neither_the_whole_nor_the_list_can_be_had_that_is_the_answer():
    answerer = counting()

    async def run(clock):
        supply = await bridge(clock, answerer).supply(retrieval_of(STUDY))
        answerer.behaviour.ailment = Lost.UNREACHABLE
        await drained(supply)

    with pytest.raises(AnswererFailed) as failure:
        virtually(run)

    assert failure.value.ailment is Lost.UNREACHABLE


def test_a_count_that_fails_is_the_answer_and_is_not_waited_for_twice():
    answerer = counting(seconds_before=60.0)

    async def run(clock):
        with pytest.raises(AnswererFailed) as failure:
            await bridge(clock, answerer).supply(retrieval_of(STUDY))
        return failure.value.ailment, clock.monotonic()

    ailment, seconds = virtually(run)

    assert ailment is Lost.LATE
    assert seconds < 10.5


def test_a_whole_fetch_is_audited_by_its_study_before_anything_is_given():
    answerer = counting()

    async def run(clock):
        at = bridge(clock, answerer)
        supply = await at.supply(retrieval_of(STUDY))
        records = list(at.accounts.records)
        await supply.aclose()
        at.accounts.is_broken = Full("no room for the record")
        with pytest.raises(Full):
            await at.supply(retrieval_of(STUDY))
        await asyncio.sleep(1)
        return records, answerer.asked.under_way, len(asyncio.all_tasks())

    (record,), under_way, tasks = virtually(run)

    assert (record.event, record.outcome, record.detail) == (
        "get",
        "success",
        "STUDY: 12 instances",
    )
    assert record.study_instance_uid == STUDY[0].study_instance_uid
    assert record.origin == ASKER
    assert (under_way, tasks) == (0, 1)


def test_what_belongs_to_something_else_is_not_given_on():
    class Generous(MemoryAnswerer):
        async def fetch(self, fetch, sink):
            for one in study(2, 1):
                await self._send(one, sink)
            return await super().fetch(fetch, sink)

    answerer = Generous("pacs", STUDY, Behaviour(counts=True))

    came, missed, _ = retrieved(answerer, keeps=False)

    assert sorted(came) == sorted(uids(STUDY))
    assert not missed
    assert not answerer.asked.expects


def test_closing_the_archive_ends_whole_fetches_and_asks_for_nothing_more():
    answerer = counting(seconds_each=1.0)

    async def run(clock):
        at = bridge(clock, answerer)
        reading = asyncio.ensure_future(drained(await at.supply(retrieval_of(STUDY))))
        await asyncio.sleep(2.5)
        await at.holders[0].aclose()
        with pytest.raises(AnswererFailed):
            await reading
        return len(answerer.asked.expects), len(asyncio.all_tasks())

    assert virtually(run) == (0, 1)


class Busy(MemoryAnswerer):
    is_well, busy = True, 0


def test_one_of_several_brings_the_whole_and_another_if_that_cannot():
    first, second = [Busy(name, STUDY, Behaviour(counts=True)) for name in ("a", "b")]
    one_of_both = OneOf("both", [first, second])

    async def run(clock):
        at = bridge(clock, one_of_both)
        supply = await at.supply(retrieval_of(STUDY))
        first.behaviour.ailment = Lost.UNREACHABLE
        return await drained(supply)

    came, _ = virtually(run)

    assert sorted(came) == sorted(uids(STUDY))
    assert wholes(second) == [True]
