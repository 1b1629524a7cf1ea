"""C-MOVEs to ourselves: whose a store is, in this process and in others, and what comes late."""

import asyncio
import contextlib

import pytest
import pytest_asyncio
from cache_rigs import StandingClock, VaultRig, incoming_of, land, read_all

from hilum.dimse.command import Command, CommandField
from hilum.kernel.errors import CorruptPayload, Full, NotAllowed
from hilum.pipeline.answerers import homecoming, markers
from hilum.pipeline.answerers.homecoming import Coming, Elsewhere, Late, StoresComingHome
from hilum.pipeline.answerers.markers import LATE_SECONDS, Markers
from hilum.pipeline.caching.settings import CacheSettings
from hilum.testing.datasets import instance

pytestmark = pytest.mark.asyncio

ONE = instance(seed=1)


def store_of(number, ae_title="HILUM"):
    return Command(
        CommandField.C_STORE_RQ,
        move_originator_ae_title=ae_title,
        move_originator_message_id=number,
    )


class Worker:
    """A process of a gateway, as far as homecomings can tell."""

    def __init__(self, folder, clock, **settings):
        self.rig = VaultRig(folder, clock=clock, **settings)
        self.home = StoresComingHome(
            Markers(folder / "run", clock), self.rig.cache, self.rig.vault, is_alone=False
        )

    def expect(self, sink, answerer="pacs", ae_title="HILUM"):
        return self.home.expect(sink, answerer=answerer, ae_title=ae_title)


@pytest.fixture
def clock():
    return StandingClock()


@pytest_asyncio.fixture
async def workers(tmp_path, clock):
    Markers(tmp_path / "run", clock).open()
    async with contextlib.AsyncExitStack() as stack:
        both = [Worker(tmp_path, clock) for _ in range(2)]
        for one in both:
            await stack.enter_async_context(one.rig.running())
        yield both


class Noting:
    """A sink that a wrapper stands before, as answerers put one there."""

    def __init__(self, sink):
        self.sink = sink
        self.size = 0
        self.kept = []

    async def land(self, incoming):
        return NotingLanding(self, incoming, await self.sink.land(incoming))


class NotingLanding:
    def __init__(self, noting, incoming, landing):
        self.noting, self.incoming, self.landing = noting, incoming, landing

    async def take(self, piece):
        self.noting.size += len(piece)
        await self.landing.take(piece)

    async def keep(self):
        await self.landing.keep()
        self.noting.kept.append(self.incoming.sop_instance_uid)

    async def drop(self):
        await self.landing.drop()


async def test_a_store_of_our_move_goes_to_who_asked(workers):
    first, _ = workers
    sink = first.rig.cache.sink("pacs")

    async with first.expect(sink) as coming:
        target = first.home.sink_of(store_of(coming.message_id))
        await land(target, ONE)

    sink.end()
    assert isinstance(target, Coming)
    assert [one.sop_instance_uid async for one in sink.kept()] == [ONE.sop_instance_uid]


async def test_stores_of_others_are_arrivals(workers):
    first, second = workers
    sink = first.rig.cache.sink("pacs")

    async with first.expect(sink) as coming:
        number = coming.message_id
        for worker in (first, second):
            assert worker.home.sink_of(store_of(number, "WORKSTATION")) is None
            assert worker.home.sink_of(store_of(number, "")) is None
            assert worker.home.sink_of(store_of(None)) is None
            assert worker.home.sink_of(store_of(number % 60000 + 2000)) is None
            assert worker.home.sink_of(store_of(1)) is None


async def test_numbers_are_ours_alone_in_all_processes(workers):
    sink = workers[0].rig.cache.sink("pacs")
    async with contextlib.AsyncExitStack() as stack:
        numbers = [
            (await stack.enter_async_context(workers[turn % 2].expect(sink))).message_id
            for turn in range(60)
        ]

    assert len(set(numbers)) == 60
    assert all(1024 <= number <= 65535 for number in numbers)


async def test_a_number_is_not_given_again_soon(workers, clock, monkeypatch):
    monkeypatch.setattr(markers, "_LAST", 1025)
    first, _ = workers
    sink = first.rig.cache.sink("pacs")
    for _ in range(2):
        async with first.expect(sink):
            pass

    with pytest.raises(Full):
        async with first.expect(sink):
            pass
    clock.seconds += LATE_SECONDS + 1
    async with first.expect(sink) as coming:
        assert coming.message_id in (1024, 1025)


async def test_what_comes_late_is_neither_ours_nor_an_arrival(workers, clock):
    first, second = workers
    async with first.expect(first.rig.cache.sink("pacs")) as coming:
        pass

    for worker in (first, second):
        assert isinstance(worker.home.sink_of(store_of(coming.message_id)), Late)
    clock.seconds += LATE_SECONDS + 1
    assert first.home.sink_of(store_of(coming.message_id)) is None


async def test_what_is_under_way_when_all_is_over_is_not_kept(workers):
    first, _ = workers
    sink = first.rig.cache.sink("pacs")
    async with first.expect(sink) as coming:
        landing = await first.home.sink_of(store_of(coming.message_id)).land(incoming_of(ONE))
        await landing.take(ONE.data_set)

    with pytest.raises(NotAllowed):
        await landing.keep()
    with pytest.raises(NotAllowed):
        await coming.land(incoming_of(ONE))
    assert not first.rig.files()


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_another_process_took_comes_home(tmp_path, clock, keeps):
    """The archive's association was accepted by another worker than the one that asked."""
    Markers(tmp_path / "run", clock).open()
    first, second = (Worker(tmp_path, clock, keeps=keeps) for _ in range(2))
    async with first.rig.running(), second.rig.running():
        sink = first.rig.cache.sink("pacs")
        noting = Noting(sink)
        async with first.expect(noting) as coming:
            target = second.home.sink_of(store_of(coming.message_id))
            for number in range(3):
                await land(target, instance(seed=number))
        sink.end()
        holdings = [one async for one in sink.kept()]

        assert isinstance(target, Elsewhere)
        assert noting.kept == [instance(seed=number).sop_instance_uid for number in range(3)]
        assert noting.size == 3 * len(instance(seed=0).data_set)
        assert len(first.rig.files()) == 3
        for number, holding in enumerate(holdings):
            payload = first.rig.open_payload(holding.path)
            assert read_all(payload) == instance(seed=number).data_set
        for holding in holdings:
            first.rig.cache.unpin(holding)
        await first.rig.settle()
        assert len(first.rig.files()) == (3 if keeps else 0)


async def test_what_another_process_took_comes_before_the_move_is_over(workers, monkeypatch):
    monkeypatch.setattr(homecoming, "LOOK_SECONDS", 0.005)
    first, second = workers
    sink = first.rig.cache.sink("pacs")
    async with first.expect(sink) as coming:
        await land(second.home.sink_of(store_of(coming.message_id)), ONE)

        holding = await asyncio.wait_for(anext(sink.kept()), 5)

        assert holding.sop_instance_uid == ONE.sop_instance_uid


async def test_while_whoever_reads_keeps_us_waiting_nothing_is_lost(workers, clock, monkeypatch):
    """Far longer than a payload stays that nobody uses, and than a mark that nobody renews."""
    monkeypatch.setattr(homecoming, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(homecoming, "_RENEWED_SECONDS", 0.0)
    first, second = workers
    gate, waits = asyncio.Event(), asyncio.Event()

    class Slow(Noting):
        async def land(self, incoming):
            waits.set()
            await gate.wait()
            return await super().land(incoming)

    sink = first.rig.cache.sink("pacs")
    slow = Slow(sink)
    for one in (first, second):
        one.rig.cache._librarian._settings = CacheSettings(bytes_max=1)
    async with first.expect(slow) as coming:
        target = second.home.sink_of(store_of(coming.message_id))
        for number in range(3):
            await land(target, instance(seed=number))
        async with asyncio.timeout(5):
            await waits.wait()
            while coming.reports.qsize() < 2:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
        for _ in range(8):
            clock.seconds += 20
            await first.rig.cache.look()
            await second.rig.cache.look()
            await asyncio.sleep(0.02)
        assert second.home.sink_of(store_of(coming.message_id)).land is not None
        gate.set()

    assert len(slow.kept) == 3


async def test_what_another_process_refuses_does_not_come(workers):
    first, second = workers
    sink = first.rig.cache.sink("pacs")
    async with first.expect(sink) as coming:
        target = second.home.sink_of(store_of(coming.message_id))
        with pytest.raises(CorruptPayload):
            await land(target, ONE, data_set=ONE.data_set[:-7])
    sink.end()

    assert [one async for one in sink.kept()] == []


async def test_what_is_gone_before_it_could_be_taken_over_is_missing(workers):
    first, second = workers
    sink = first.rig.cache.sink("pacs")
    async with first.expect(sink) as coming:
        await land(second.home.sink_of(store_of(coming.message_id)), ONE)
        first.rig.files()[0].unlink()
    sink.end()

    assert [one async for one in sink.kept()] == []


async def test_who_waits_in_a_process_that_died_does_not_wait_any_more(workers, clock):
    first, second = workers
    async with first.expect(first.rig.cache.sink("pacs")) as coming:
        clock.seconds += markers.LOST_SECONDS + 1

        assert isinstance(second.home.sink_of(store_of(coming.message_id)), Late)


async def test_an_error_of_the_move_comes_through_as_it_is(workers):
    first, _ = workers
    with pytest.raises(Full, match="theirs"):
        async with first.expect(first.rig.cache.sink("pacs")):
            raise Full("theirs")


async def test_marks_that_are_over_are_tidied(workers, tmp_path, clock):
    first, _ = workers
    for _ in range(3):
        async with first.expect(first.rig.cache.sink("pacs")):
            pass
    clock.seconds += LATE_SECONDS + 1

    await first.home.look()

    assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]
