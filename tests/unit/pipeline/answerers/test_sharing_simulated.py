"""Clients that come, read at any pace and leave, archives that fail: by seeds, in virtual time."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from bridging import SlowCache, bridge, one_of, retrieval_of, study, uids, virtually

from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.archive.ports import Missing, Purpose
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.testing.memory_answerer import Behaviour, MemoryAnswerer
from hilum.testing.memory_cache import MemoryCache

STUDY = study(1, 30, series=3)
# The last one has everything and never fails: so nothing may ever be missing.
RELIABLE = "reliable"
LOOKING = (Purpose.RETRIEVE, Purpose.RETRIEVE, Purpose.RETRIEVE, Purpose.METADATA)
ALL = (Purpose.GET, Purpose.GET, Purpose.RETRIEVE, Purpose.METADATA)


class Watched(MemoryAnswerer):
    """Notes what is asked of it twice at the same time."""

    def __init__(self, *args):
        super().__init__(*args)
        self.active = Counter()
        self.open = []
        self.twice = set()

    async def fetch(self, fetch, sink):
        wanted = set(uids(self.instances if fetch.wanted is None else fetch.wanted))
        if fetch.wanted is None and fetch.retrieval.level is Level.SERIES:
            (series,) = fetch.retrieval.keys[Level.SERIES]
            wanted = {one.sop_instance_uid for one in STUDY if one.series_instance_uid == series}
        self.active.update(wanted)
        self.twice |= {uid for uid in wanted if self.active[uid] > 1}
        self.open.append(wanted)
        try:
            return await super().fetch(fetch, sink)
        finally:
            self.active.subtract(wanted)
            self.open = [one for one in self.open if one is not wanted]

    async def _send(self, one, sink):
        reason = await super()._send(one, sink)
        for wanted in self.open:  # it has come: who asks for it now asks for it again
            if one.sop_instance_uid in wanted:
                wanted.remove(one.sop_instance_uid)
                self.active[one.sop_instance_uid] -= 1
        return reason


@dataclass
class Run:
    """What one seed came to."""

    at: object
    answerers: list
    results: list
    tasks: int
    expected: dict = field(default_factory=dict)


def archives(chance, *, can_fail):
    found = []
    for name in ("first", "second"):
        behaviour = Behaviour(
            seconds_before=chance.choice([0, 0.01, 1.0]),
            seconds_each=chance.choice([0, 0.001, 0.1]),
        )
        if can_fail:
            behaviour.dies_after = chance.choice([None, 0, 1, 7])
            behaviour.missing = frozenset(chance.sample(uids(STUDY), chance.choice([0, 0, 5])))
        found.append(Watched(name, chance.sample(STUDY, chance.randint(0, 30)), behaviour))
    pace = Behaviour(seconds_each=chance.choice([0, 0.01]))
    return [*found, Watched(RELIABLE, STUDY, pace)]


def wish(chance):
    kind = chance.randrange(3)
    one = chance.choice(STUDY)
    if kind == 0:
        return retrieval_of(STUDY), STUDY
    if kind == 1:
        keys = {Level.STUDY: (one.study_instance_uid,), Level.SERIES: (one.series_instance_uid,)}
        series = [other for other in STUDY if other.series_instance_uid == one.series_instance_uid]
        return Retrieval(Level.SERIES, keys), series
    return one_of(one), [one]


async def client(at, chance, purposes=ALL):
    """Read at a pace, and perhaps leave; give what came and what should have, None: it left."""
    await asyncio.sleep(chance.choice([0, 0.005, 0.5, 3.0]) * chance.random())
    retrieval, wanted = wish(chance)
    leaves_after = chance.choice([None, None, 0, 1, 5])
    pace = chance.choice([0, 0, 0.001, 0.5])
    purpose = chance.choice(purposes)
    supply = await at.supply(retrieval, purpose)
    got = []
    try:
        async for one in supply:
            assert not isinstance(one, Missing), one.reason
            got.append(one.sop_instance_uid)
            await asyncio.sleep(pace)
            if chance.random() < 0.9:
                supply.done(one)
            if len(got) == leaves_after:
                return None
    finally:
        await supply.aclose()
    return sorted(got), sorted(uids(wanted))


async def ailing(chance, answerers):
    """Have those that may fail do so at times."""
    for _ in range(20):
        await asyncio.sleep(chance.random())
        sick = chance.choice(answerers[:-1])
        sick.behaviour.ailment = chance.choice([None, None, Lost.UNREACHABLE, Lost.BUSY])


def simulated(seed, *, can_fail, keeps, cache=None):
    chance = random.Random(seed)
    answerers = archives(chance, can_fail=can_fail)

    async def run(clock):
        fresh = chance.choice([0.0, 30.0])
        at = bridge(clock, *answerers, keeps=keeps, cache=cache, list_fresh_seconds=fresh)
        sickness = asyncio.ensure_future(ailing(chance, answerers)) if can_fail else None
        clients = [client(at, random.Random(f"{seed} {n}")) for n in range(12)]
        results = await asyncio.gather(*clients)
        if sickness is not None:
            await sickness
        await asyncio.sleep(1)
        return Run(at, answerers, results, len(asyncio.all_tasks()))

    return virtually(run)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("can_fail", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_nobody_misses_anything_and_nothing_is_asked_for_twice_at_once(seed, can_fail, keeps):
    run = simulated(seed, can_fail=can_fail, keeps=keeps)

    for result in run.results:
        if result is not None:
            came, wanted = result
            assert came == wanted
    assert [one.twice for one in run.answerers] == [set()] * 3
    assert [one.asked.under_way for one in run.answerers] == [0] * 3
    assert [holder.fetching.under_way for holder in run.at.holders] == [0] * 3
    assert not run.at.cache.pins
    assert keeps or not run.at.cache.paths
    assert run.tasks == 1


def of_one_archive(seed, *, keeps, cache=None, is_whole=False, purposes=ALL):
    """Let clients ask one archive that counts: it may be wrong, or break off what it sends."""
    chance = random.Random(f"one {seed}")
    behaviour = Behaviour(
        counts=True,
        seconds_before=chance.choice([0, 0.01, 1.0]),
        seconds_each=chance.choice([0, 0.001, 0.1]),
    )
    if not is_whole:
        behaviour.miscounts = chance.choice([0, 0, 0, -3, 2])
        behaviour.whole_dies_after = chance.choice([None, None, 0, 1, 7])
        behaviour.unlisted = frozenset(chance.sample(uids(STUDY), chance.choice([0, 0, 5])))
    answerer = Watched(RELIABLE, STUDY, behaviour)

    async def run(clock):
        fresh = chance.choice([0.0, 30.0])
        at = bridge(clock, answerer, keeps=keeps, cache=cache, list_fresh_seconds=fresh)
        clients = [client(at, random.Random(f"one {seed} {n}"), purposes) for n in range(12)]
        results = await asyncio.gather(*clients)
        await asyncio.sleep(1)
        return Run(at, [answerer], results, len(asyncio.all_tasks()))

    return virtually(run)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_of_what_is_not_listed_nothing_is_missed_or_asked_for_twice_at_once(seed, keeps):
    run = of_one_archive(seed, keeps=keeps)

    for result in run.results:
        if result is not None:
            came, wanted = result
            assert came == wanted
    (answerer,), (holder,) = run.answerers, run.at.holders
    assert answerer.twice == set()
    assert (answerer.asked.under_way, holder.fetching.under_way) == (0, 0)
    assert (len(holder.lists.calls), len(holder._counts)) == (0, 0)
    assert not run.at.cache.pins
    assert keeps or not run.at.cache.paths
    assert run.tasks == 1


@pytest.mark.parametrize("cache", [MemoryCache, SlowCache])
@pytest.mark.parametrize("seed", range(30))
def test_with_a_cache_that_keeps_what_is_not_listed_comes_once(seed, cache):
    run = of_one_archive(seed, keeps=True, cache=cache(), is_whole=True, purposes=LOOKING)

    sent = Counter(run.answerers[0].asked.sent)
    assert all(count == 1 for count in sent.values())


@pytest.mark.parametrize("cache", [MemoryCache, SlowCache])
@pytest.mark.parametrize("seed", range(30))
def test_what_is_taken_away_passes_once_for_each_way_to_ask_and_is_kept_then(seed, cache):
    run = of_one_archive(seed, keeps=True, cache=cache(), is_whole=True)

    sent = Counter(run.answerers[0].asked.sent)
    assert max(sent.values()) <= 3  # as a study, as a series, and then to be kept


@pytest.mark.parametrize("cache", [MemoryCache, SlowCache])
@pytest.mark.parametrize("seed", range(30))
def test_with_a_cache_that_keeps_and_archives_that_work_each_instance_comes_once(seed, cache):
    run = simulated(seed, can_fail=False, keeps=True, cache=cache())

    sent = Counter(uid for one in run.answerers for uid in one.asked.sent)
    assert all(count == 1 for count in sent.values())


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [True, False])
def test_ten_thousand_cancelled_supplies_leave_nothing_behind(keeps):
    answerers = [
        MemoryAnswerer("a", STUDY[:20], Behaviour(seconds_before=0.01, seconds_each=0.01)),
        MemoryAnswerer("b", STUDY[10:], Behaviour(seconds_each=0.02)),
    ]
    chance = random.Random(7)

    async def reading(at):
        supply = await at.supply(one_of(chance.choice(STUDY)))
        try:
            async for _ in supply:
                await asyncio.sleep(0.01)
        finally:
            await supply.aclose()

    async def cancelled(at):
        task = asyncio.ensure_future(reading(at))
        await asyncio.sleep(chance.choice([0, 0.005, 0.011, 0.02, 0.03]))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def run(clock):
        at = bridge(clock, *answerers, keeps=keeps, list_fresh_seconds=0.0)
        for _ in range(500):
            await asyncio.gather(*[cancelled(at) for _ in range(20)])
        await asyncio.sleep(1)
        calls = [len(holder.lists.calls) for holder in at.holders]
        return at, len(asyncio.all_tasks()), calls

    at, tasks, calls = virtually(run)

    assert tasks == 1
    assert not at.cache.pins
    assert keeps or not at.cache.paths
    assert calls == [0, 0]
    assert [one.asked.under_way for one in answerers] == [0, 0]
    assert [holder.fetching.under_way for holder in at.holders] == [0, 0]


def test_a_client_whose_archives_all_fail_is_told_so():
    answerers = [MemoryAnswerer("a", STUDY, Behaviour(dies_after=0))]

    async def run(clock):
        at = bridge(clock, *answerers)
        supply = await at.supply(retrieval_of(STUDY))
        answerers[0].behaviour.ailment = Lost.LATE
        return [one async for one in supply]

    with pytest.raises(AnswererFailed):
        virtually(run)
