import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import pytest

from hilum.kernel.telemetry import Silence
from hilum.ledger.delivery import Priority, State
from hilum.pipeline.lanes.books import RENEW_SECONDS, Books
from hilum.pipeline.lanes.dispatcher import Dispatcher
from hilum.pipeline.lanes.policy import LanePolicy, Rate, Retry
from hilum.testing.memory_deliveries import MemoryDeliveries, MemorySlots
from hilum.testing.mortal import Life, MortalAside
from hilum.testing.pretend_destination import PretendDestination
from hilum.testing.virtual_time import run_virtually

MIB = 1024 * 1024


class Bench:
    """One process, or several, in virtual time."""

    def __init__(self, clock):
        self.clock = clock
        self.steady = clock.steady()
        self.deliveries = MemoryDeliveries()
        self.slots = MemorySlots()
        self.asides = []

    def plan(self, name, count, **given):
        return [self.deliveries.plan(name, now=self.clock.now(), **given) for _ in range(count)]

    @asynccontextmanager
    async def process(self, *lanes, token="w1", telemetry=None):
        aside = MortalAside(Life(), Random(token))
        self.asides.append(aside)
        books = Books(
            self.deliveries, self.slots, aside, self.clock, steady=self.steady, token=token
        )
        chance = Random(f"{token} chance").random
        dispatcher = Dispatcher(
            books, clock=self.clock, telemetry=telemetry or Silence(), chance=chance
        )
        dispatcher.change(lanes)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            await dispatcher.stop(5.0)
            await running

    async def until_delivered(self, count, seconds_max=60.0):
        begun = self.clock.monotonic()
        while self.deliveries.delivered < count:
            assert self.clock.monotonic() - begun < seconds_max, self.deliveries.delivered
            await asyncio.sleep(0.005)
        return self.clock.monotonic() - begun


def virtually(scene):
    return run_virtually(lambda clock: scene(Bench(clock)))


def test_what_is_planned_arrives_once_in_its_order():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        bench.plan("pacs", 300)
        async with bench.process((pacs, LanePolicy(window_max=1))):
            await bench.until_delivered(300)
        return [parcel.delivery_id for _, parcel in pacs.world.order]

    assert virtually(scene) == list(range(1, 301))


def test_an_idle_lane_begins_what_was_committed_at_once():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        async with bench.process((pacs, LanePolicy())) as dispatcher:
            bench.plan("pacs", 1)
            await bench.until_delivered(1)
            await asyncio.sleep(1)
            planned = bench.clock.monotonic()
            bench.plan("pacs", 1)
            dispatcher.wake({"pacs": {Priority.ROUTINE}})
            await bench.until_delivered(2)
        return pacs.world.order[1][0] - planned

    # The pretended ledger takes up to 4 ms a call, and one call is needed.
    assert virtually(scene) < 0.005


def test_what_another_worker_planned_is_delivered_or_given_back():
    async def scene(bench):
        pacs, held = PretendDestination("pacs"), PretendDestination("held")
        lanes = (pacs, LanePolicy()), (held, LanePolicy(is_held=True))
        async with bench.process(*lanes) as dispatcher:
            await asyncio.sleep(1)
            news = {name: {Priority.ROUTINE} for name in ("pacs", "held", "unknown")}
            bench.plan("pacs", 1)
            left = dispatcher.take_over(news)
            return list(left), await bench.until_delivered(1)

    left, seconds = virtually(scene)
    assert left == ["held", "unknown"]
    assert seconds < 0.02


def test_a_stat_study_overtakes_two_thousand_routine_instances():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.seconds_each = 0.02
        bench.plan("pacs", 2000)
        async with bench.process((pacs, LanePolicy(window_max=1))) as dispatcher:
            await asyncio.sleep(2)
            planned = bench.clock.monotonic()
            (stat,) = bench.plan("pacs", 1, priority=Priority.STAT)
            dispatcher.wake({"pacs": {Priority.STAT}})
            while not pacs.world.begun[stat]:  # noqa: ASYNC110 - the other side is no asyncio
                await asyncio.sleep(0.001)
            return bench.clock.monotonic() - planned

    assert virtually(scene) < 1.0


def test_a_dead_destination_neither_loses_anything_nor_is_hammered():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.is_dead = True
        bench.plan("pacs", 500)
        async with bench.process((pacs, LanePolicy())):
            await asyncio.sleep(1200)
            tries = sum(row.attempts for row in bench.deliveries.rows.values())
            probes = len(pacs.world.probes)
            pacs.world.conduct.is_dead = False
            await bench.until_delivered(500, 120)
        return tries, probes, max(pacs.world.arrivals.values())

    tries, probes, most = virtually(scene)
    assert tries <= 4
    assert 1200 / 66 - 1 <= probes <= 1200 / 60 + 5
    assert most == 1


def test_who_wants_it_tried_now_need_not_wait_for_the_next_probe():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.is_dead = True
        bench.plan("pacs", 20)
        async with bench.process((pacs, LanePolicy())) as dispatcher:
            await asyncio.sleep(1200)
            pacs.world.conduct.is_dead = False
            dispatcher.look_now()
            return await bench.until_delivered(17)  # those that failed have their own wait

    assert virtually(scene) < 1


def test_a_broken_connection_sends_again_only_what_failed():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.loses_after = 3
        bench.plan("pacs", 100)
        async with bench.process((pacs, LanePolicy(retry=Retry(0.5, 10)))):
            await asyncio.sleep(30)
            pacs.world.conduct.loses_after = None
            await bench.until_delivered(100)
        twice = {number for number, count in pacs.world.arrivals.items() if count > 1}
        return twice - pacs.world.lost_answers, len(pacs.world.arrivals)

    assert virtually(scene) == (set(), 100)


def test_a_refused_instance_stays_and_does_not_stop_the_others():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.refused_classes = frozenset({"1.2.3"})
        bench.plan("pacs", 50)
        bench.plan("pacs", 1, sop_class="1.2.3")
        bench.plan("pacs", 50)
        async with bench.process((pacs, LanePolicy())) as dispatcher:
            await bench.until_delivered(100)
            breaker = dispatcher.figures()[0].breaker
            await asyncio.sleep(700)
        return bench.deliveries.count(State.REFUSED), bench.deliveries.rows[51].attempts, breaker

    assert virtually(scene) == (1, 1, "closed")


def test_a_destination_that_turns_us_away_says_why_and_is_only_probed():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.is_unwelcoming = True
        bench.plan("pacs", 50)
        async with bench.process((pacs, LanePolicy())) as dispatcher:
            await asyncio.sleep(600)
            figures = dispatcher.figures()[0]
            tries = sum(row.attempts for row in bench.deliveries.rows.values())
            deferred = bench.deliveries.count(State.DEFERRED)
            pacs.world.conduct.is_unwelcoming = False
            await bench.until_delivered(50, 90)
        return figures.breaker, figures.reason, tries, deferred

    breaker, reason, tries, deferred = virtually(scene)
    assert breaker == "open"
    assert "AE title" in reason
    assert tries == deferred == 1


def test_a_hanging_destination_leaves_its_neighbour_alone():
    async def scene(bench):
        pacs, dead = PretendDestination("pacs"), PretendDestination("dead")
        dead.world.conduct.is_hanging = True
        bench.plan("dead", 200)
        bench.plan("pacs", 200)
        lanes = [(pacs, LanePolicy()), (dead, LanePolicy())]
        async with bench.process(*lanes):
            return await bench.until_delivered(200)

    assert virtually(scene) < 1.0


def test_a_rate_is_held_within_five_percent_by_two_workers_together():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        rate = Rate(bytes_per_second=50 * MIB)
        policy = LanePolicy(window_max=4, rates=(rate,))
        bench.plan("pacs", 4000, size=MIB // 2)
        one = bench.process((pacs, policy), token="w1")
        two = bench.process((PretendDestination("pacs", pacs.world), policy), token="w2")
        async with one, two:
            await bench.until_delivered(4000, 120)
        order = [(at, parcel.size) for at, parcel in pacs.world.order]
        begun = order[0][0] + 3  # two workers find each other in the first seconds
        ended = order[-1][0]
        size = sum(size for at, size in order if begun <= at < ended)
        most = max(
            sum(size for at, size in order if start <= at < start + 5) / 5
            for start in range(int(ended) - 5)
        )
        return size / (ended - begun) / MIB, most / MIB

    average, most = virtually(scene)
    assert 47.5 <= average <= 52.5
    assert most <= 52.5


def test_instances_per_second_are_held():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        policy = LanePolicy(rates=(Rate(instances_per_second=10),))
        bench.plan("pacs", 300)
        async with bench.process((pacs, policy)):
            return await bench.until_delivered(300)

    assert 28.5 <= virtually(scene) <= 31.5


def test_two_workers_together_never_exceed_the_window():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.seconds_each = 0.05
        policy = LanePolicy(window_max=3, keep_alive_seconds=0.2)
        bench.plan("pacs", 1500)
        one = bench.process((pacs, policy), token="w1")
        two = bench.process((PretendDestination("pacs", pacs.world), policy), token="w2")
        async with one, two:
            await bench.until_delivered(1500, 120)
        return pacs.world.most_sessions, max(pacs.world.arrivals.values())

    assert virtually(scene) == (3, 1)


@pytest.mark.parametrize("step", [timedelta(days=20_000), timedelta(days=-20_000)])
def test_a_clock_that_is_set_ends_no_lease(step):
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.seconds_each = 5.0
        policy = LanePolicy(window_max=2, batch_instances_max=4)
        ids = bench.plan("pacs", 16)
        two = bench.process((PretendDestination("pacs", pacs.world), policy), token="w2")
        async with bench.process((pacs, policy)), two:
            await asyncio.sleep(
                RENEW_SECONDS + 2
            )  # what was renewed is looked at, and not yet again
            bench.clock.turn(step)
            for row in bench.deliveries.rows.values():
                row.due_at += step  # what waits is brought forward
            await bench.until_delivered(16, seconds_max=600)
        histories = [bench.deliveries.rows[number].history for number in ids]
        return pacs.world, sum("lost" in history for history in histories)

    world, lost = virtually(scene)

    assert (lost, set(world.arrivals.values()), world.most_sessions) == (0, {1}, 2)


def test_a_healthy_lane_needs_few_transactions():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        bench.plan("pacs", 6400)
        async with bench.process((pacs, LanePolicy(window_max=1))):
            await bench.until_delivered(6400)
            return bench.asides[0].calls

    # One claim and one settlement for every 64 or more, and the polls of seven seconds.
    assert virtually(scene) < 2.2 * 6400 / 64 + 40


def test_stopping_finishes_what_is_being_sent_and_puts_the_rest_back():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.seconds_each = 0.1
        bench.plan("pacs", 100)
        async with bench.process((pacs, LanePolicy(window_max=2))):
            await asyncio.sleep(1.03)
        states = Counter(row.state for row in bench.deliveries.rows.values())
        return states, len(pacs.world.begun), pacs.is_closed, bench.slots.held

    states, begun, is_closed, slots = virtually(scene)
    assert states == {State.DELIVERED: begun, State.WAITING: 100 - begun}
    assert is_closed
    assert not slots


def test_stopping_does_not_wait_for_a_session_that_hangs():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.is_hanging = True
        pacs.world.conduct.timeout_seconds = 900
        bench.plan("pacs", 10)
        async with bench.process((pacs, LanePolicy())):
            await asyncio.sleep(1)
            begun = bench.clock.monotonic()
        return bench.clock.monotonic() - begun, bench.deliveries.count(State.WAITING)

    seconds, waiting = virtually(scene)
    assert seconds < 6
    assert waiting == 10


def test_a_lane_that_is_gone_from_the_configuration_ends_and_the_others_go_on():
    async def scene(bench):
        pacs, old = PretendDestination("pacs"), PretendDestination("old")
        bench.plan("old", 5)
        async with bench.process((pacs, LanePolicy()), (old, LanePolicy())) as dispatcher:
            await bench.until_delivered(5)
            dispatcher.change([(pacs, LanePolicy(window_max=2))])
            bench.plan("old", 5)
            bench.plan("pacs", 5)
            await bench.until_delivered(10)
            await asyncio.sleep(20)
            return old.is_closed, pacs.is_closed, bench.deliveries.count(State.WAITING)

    assert virtually(scene) == (True, False, 5)


def test_what_the_ledger_fails_at_is_done_later():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        bench.plan("pacs", 500)
        async with bench.process((pacs, LanePolicy())):
            bench.asides[0].failure_share = 0.3
            await asyncio.sleep(20)
            bench.asides[0].failure_share = 0.0
            await bench.until_delivered(500, 300)
        return max(pacs.world.arrivals.values())

    assert virtually(scene) == 1


def test_an_idle_session_is_closed_after_a_while_and_its_slot_given_back():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        bench.plan("pacs", 1)
        async with bench.process((pacs, LanePolicy(keep_alive_seconds=10))):
            await bench.until_delivered(1)
            await asyncio.sleep(9)
            kept = pacs.world.open_sessions, len(bench.slots.held)
            await asyncio.sleep(2)
            return kept, (pacs.world.open_sessions, len(bench.slots.held))

    assert virtually(scene) == ((1, 1), (0, 0))


def test_a_destination_that_asks_for_time_gets_it():
    async def scene(bench):
        pacs = PretendDestination("pacs")
        pacs.world.conduct.busy = timedelta(seconds=120)
        bench.plan("pacs", 20)
        async with bench.process((pacs, LanePolicy(window_max=1))):
            await asyncio.sleep(1)
            begun = sum(pacs.world.begun.values())
            await asyncio.sleep(110)
            still = sum(pacs.world.begun.values())
            pacs.world.conduct.busy = None
            await bench.until_delivered(20, 60)
            return begun == still, begun

    is_same, begun = virtually(scene)
    assert is_same
    assert begun <= 8


def test_hours_are_kept():
    class Morning:
        def is_open(self, now):
            return now.hour >= 9

    async def scene(bench):
        pacs = PretendDestination("pacs")
        bench.plan("pacs", 10)
        async with bench.process((pacs, LanePolicy(schedule=Morning()))) as dispatcher:
            await asyncio.sleep(0.9 * 3600)  # it begins at eight in the morning
            early = len(pacs.world.arrivals)
            await asyncio.sleep(0.2 * 3600)
            return early, len(pacs.world.arrivals), dispatcher.figures()[0].gate

    assert virtually(scene) == (0, 10, "open")
