"""What lanes rely on, of the ledger and of its fake; and lanes on the real one that die."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "ledger"))

from delivery_plans import planned
from ledger_entries import rows

from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.kernel.telemetry import Silence
from hilum.ledger.delivery import PlannedDelivery, Priority, Settlement
from hilum.ledger.ledger import Ledger
from hilum.pipeline.lanes.books import Books
from hilum.pipeline.lanes.dispatcher import Dispatcher
from hilum.pipeline.lanes.groups import Groups
from hilum.pipeline.lanes.policy import LanePolicy
from hilum.routing.targets import Target
from hilum.testing.memory_deliveries import MemoryDeliveries, MemorySlots
from hilum.testing.mortal import Life, MortalAside
from hilum.testing.pretend_destination import PretendDestination, World
from hilum.testing.virtual_time import run_virtually

NOW = planned().received_at + timedelta(minutes=1)
LEASED = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=2)
UNTRIED = Deferred("not begun", failing=Failing.UNTRIED)


class Fake:
    def __init__(self, _path):
        self.deliveries, self.slots = MemoryDeliveries(), MemorySlots()

    def plan(self, priority=Priority.ROUTINE):
        self.deliveries.plan("pacs", now=planned().received_at, priority=priority)

    def close(self):
        pass


class Real:
    def __init__(self, path):
        self.ledger = Ledger.open(path, durability="process")
        self.deliveries, self.slots = self.ledger.deliveries, self.ledger.slots
        self.count = 0

    def plan(self, priority=Priority.ROUTINE):
        self.count += 1
        delivery = PlannedDelivery("pacs", "everything", priority=priority)
        self.ledger.record([planned(self.count, delivery)])

    def close(self):
        self.ledger.close()


@pytest.fixture(params=[Fake, Real])
def books(request, tmp_path):
    books = request.param(tmp_path / "ledger.db")
    yield books
    books.close()


def claim(books, owner="w1", limit=10, now=NOW, priorities=tuple(Priority)):
    return books.deliveries.claim(
        "pacs",
        owner=owner,
        limit=limit,
        bytes_max=10**9,
        now=now,
        leased_until=now + timedelta(minutes=1),
        priorities=priorities,
    )


def settle(books, claimed, outcome, owner="w1", due_at=None):
    settlements = [Settlement(one.delivery_id, owner, outcome, due_at) for one in claimed]
    return books.deliveries.settle(settlements, now=NOW)


def test_claims_come_in_the_order_of_priorities_then_of_planning(books):
    for priority in (Priority.BULK, Priority.ROUTINE, Priority.STAT, Priority.ROUTINE):
        books.plan(priority)

    assert [one.delivery_id for one in claim(books)] == [3, 2, 4, 1]
    assert claim(books) == []


def test_only_the_asked_priorities_are_claimed(books):
    for priority in Priority:
        books.plan(priority)

    assert [one.priority for one in claim(books, priorities=[Priority.BULK])] == [Priority.BULK]


@pytest.mark.parametrize("outcome", [Delivered(), Refused("no")])
def test_what_is_settled_is_not_claimed_again_and_settling_twice_is_nothing(books, outcome):
    books.plan()
    claimed = claim(books)

    assert [settle(books, claimed, outcome), settle(books, claimed, outcome)] == [1, 0]
    assert claim(books, now=LATER) == []


def test_what_was_not_tried_is_there_again_without_an_attempt(books):
    books.plan()
    settle(books, claim(books), UNTRIED)

    assert [one.attempts for one in claim(books)] == [0]


def test_what_is_put_off_is_there_when_it_is_due_with_its_attempt(books):
    books.plan()
    settle(books, claim(books), Deferred("no", failing=Failing.BUSY), due_at=LATER)

    assert claim(books) == []
    assert books.deliveries.next_due("pacs") == LATER
    assert [one.attempts for one in claim(books, now=LATER)] == [1]


def test_somebody_elses_lease_is_not_settled_but_what_arrived_has_arrived(books):
    books.plan()
    claimed = claim(books)

    assert settle(books, claimed, UNTRIED, owner="w2") == 0
    assert settle(books, claimed, Delivered(), owner="w2") == 1


def test_leases_end_unless_they_are_renewed(books):
    books.plan()
    books.plan()
    claim(books, owner="w1", limit=1)
    claim(books, owner="w2", limit=1)
    books.deliveries.renew("w1", until=LATER + timedelta(minutes=1))

    assert books.deliveries.reclaim(expired_by=LATER, now=LATER) == 1
    assert [one.delivery_id for one in claim(books, now=LATER)] == [2]


def test_what_the_dead_had_is_reclaimed_at_once_and_what_was_released_has_no_attempt(books):
    books.plan()
    books.plan()
    claim(books, owner="dead", limit=1)
    claim(books, owner="gone", limit=1)

    assert books.deliveries.reclaim(expired_by=NOW, now=NOW, dead=["dead"]) == 1
    assert books.deliveries.release_owner("gone") == 1
    assert [one.attempts for one in claim(books)] == [1, 0]


def test_slots_are_no_more_than_the_limit_until_they_end_or_are_given_back(books):
    def take(owner, now=NOW):
        return books.slots.take("pacs", limit=2, owner=owner, now=now, until=LEASED)

    assert [take("w1"), take("w2"), take("w1")] == [1, 2, None]
    assert books.slots.give_back("pacs", 1, "w2") is False
    assert books.slots.give_back("pacs", 1, "w1") is True
    assert books.slots.leased("pacs", now=NOW) == 1
    assert take("w3") == 1
    assert books.slots.renew("w3", until=LATER) == 1
    assert books.slots.leased("pacs", now=LEASED) == 1


@pytest.mark.parametrize("seed", range(5))
def test_lanes_that_die_and_a_real_ledger_lose_nothing(tmp_path, seed):
    path, random = tmp_path / "ledger.db", Random(seed)
    ledger, world, count = Ledger.open(path, durability="process"), World(), 150
    world.conduct.loses_after = random.randint(2, 20)
    ledger.record([planned(number) for number in range(1, count + 1)])

    async def live_and_die(clock):
        at_risk = set()
        for life_number in range(100):
            token, life = f"w{life_number}", Life()
            aside = MortalAside(life, random, death_share=0.02)
            books = Books(ledger.deliveries, ledger.slots, aside, clock, steady=clock, token=token)
            destination = PretendDestination("pacs", world)
            life.at_end(destination.cut)
            dispatcher = Dispatcher(books, clock=clock, telemetry=Silence(), chance=random.random)
            dispatcher.change([(destination, LanePolicy(window_max=2))])
            running = asyncio.create_task(dispatcher.run())
            for _ in range(600):
                await asyncio.sleep(0.1)
                if life.is_over or len(world.arrivals) == count:
                    break
            await asyncio.sleep(0.3)
            life.end()
            running.cancel()
            await asyncio.wait({running})
            running.cancelled() or running.exception()
            owned = "SELECT id FROM delivery WHERE state = 'active'"
            at_risk |= {number for (number,) in rows(path, owned)}
            ledger.deliveries.reclaim(expired_by=clock.now(), now=clock.now(), dead=[token])
            ledger.slots.give_back_all(token)
            if len(world.arrivals) == count:
                return at_risk
        return at_risk

    try:
        at_risk = run_virtually(live_and_die)
    finally:
        ledger.close()

    again = {number for number, times in world.arrivals.items() if times > 1}
    assert len(world.arrivals) == count
    assert not again - at_risk - world.lost_answers


class Here:
    """An Aside that makes nobody wait."""

    async def run(self, job):
        return job()


def test_a_group_fails_over_and_comes_back(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.db", durability="process")
    group = Target(("pacs", "standby"), "first_of")
    pacs, standby = PretendDestination("pacs"), PretendDestination("standby")
    pacs.world.conduct.is_dead = True

    def plan(numbers, member):
        delivery = PlannedDelivery(member, "everything", choice=group.choice)
        ledger.record([planned(number, delivery) for number in numbers])

    async def scene(clock):
        books = Books(ledger.deliveries, ledger.slots, Here(), clock, steady=clock, token="w1")
        dispatcher = Dispatcher(books, clock=clock, telemetry=Silence(), chance=Random(1).random)
        dispatcher.change([(pacs, LanePolicy()), (standby, LanePolicy())])
        groups = Groups(ledger.deliveries, Here(), clock, dispatcher, Silence())
        groups.change([group])
        dispatcher.also("balancing groups", groups.balance)
        running = asyncio.create_task(dispatcher.run())
        plan(range(1, 21), "pacs")
        await asyncio.sleep(60)
        taken_over = len(standby.world.arrivals), groups.members.pick(group, "1.2.3", None)
        pacs.world.conduct.is_dead = False
        standby.world.conduct.is_dead = True
        await asyncio.sleep(90)
        plan(range(21, 41), groups.members.pick(group, "1.2.9", None))
        plan(range(41, 61), "standby")
        await asyncio.sleep(60)
        await dispatcher.stop(5.0)
        await running
        return taken_over, len(pacs.world.arrivals)

    try:
        assert run_virtually(scene) == ((20, "standby"), 40)
    finally:
        ledger.close()
