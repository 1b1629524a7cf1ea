"""Requests from the ledger, worked on within bounds, told about and ended."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fetch_rig import RigArchive, RigGoal
from intake_bench import Listening

from hilum.ledger.delivery import Priority
from hilum.ledger.entry import OURSELVES
from hilum.ledger.fetch import Bidding, FetchState, Wanted
from hilum.ledger.ledger import Ledger
from hilum.pipeline.fetches import fetcher as fetching
from hilum.pipeline.fetches.fetcher import Fetcher
from hilum.pipeline.fetches.settings import FetchSettings
from hilum.service.clock import SystemClock
from hilum.testing.datasets import instance

TWO = [instance(seed=seed, pixel_bytes=64) for seed in range(2)]
BIDDING = Bidding(Wanted(TWO[0].study_instance_uid), "cloud", "local", "his", "10.1.2.3")


class Rig:
    def __init__(self, ledger, settings):
        self.ledger = ledger
        self.archive = RigArchive(*TWO)
        self.brought = RigGoal()
        self.telemetry = Listening()
        self.is_busy = False
        self.fetcher = Fetcher(
            ledger.fetches,
            self,
            owner="worker-1-x",
            settings=settings,
            clock=SystemClock(),
            steady=SystemClock(),
            telemetry=self.telemetry,
            is_busy=lambda: self.is_busy,
        )

    def source(self, name):
        return self.archive if name == "cloud" else None

    def goal(self, _name, **_):
        return self.brought

    def add(self, name="f1", **changes):
        now = datetime.now(UTC)
        self.ledger.fetches.add(name, replace(BIDDING, **changes), by=OURSELVES, now=now)
        self.fetcher.wake()

    async def until(self, name, *states):
        # The ledger tells nobody.
        while self.ledger.fetches.find(name).state not in states:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return self.ledger.fetches.find(name)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)

    def runner(scenario, **settings):
        ledger = Ledger.open(tmp_path / "ledger.db", durability="process")

        async def main():
            rig = Rig(ledger, FetchSettings(**settings))
            running = asyncio.ensure_future(rig.fetcher.run())
            try:
                await scenario(rig)
            finally:
                await rig.fetcher.stop()
                await running

        try:
            asyncio.run(main())
        finally:
            ledger.close()

    return runner


def test_a_request_is_done_and_told(run):
    async def scenario(rig):
        rig.add()
        found = await rig.until("f1", FetchState.DONE)

        assert found.progress.fetched == len(rig.brought.brought) == 2
        assert rig.brought.is_closed
        assert rig.telemetry.names() == ["FetchRequestFinished"]

    run(scenario)


def test_what_the_archive_has_not_is_a_failure(run):
    async def scenario(rig):
        rig.add(wanted=Wanted("1.2.3"))
        found = await rig.until("f1", FetchState.FAILED)

        assert found.reason == "there is no such thing in that archive"
        assert rig.telemetry.names() == ["FetchRequestFailed"]

    run(scenario)


def test_what_comes_in_part_is_incomplete(run):
    async def scenario(rig):
        rig.archive.missing = {TWO[0].sop_instance_uid}
        rig.add()
        found = await rig.until("f1", FetchState.INCOMPLETE)

        assert (found.progress.fetched, found.progress.failed) == (1, 1)
        assert found.reason == "it has gone"

    run(scenario)


def test_what_was_here_before_counts_as_a_part_of_it(run):
    async def scenario(rig):
        rig.brought = RigGoal(TWO[0].sop_instance_uid)
        rig.archive.missing = {TWO[1].sop_instance_uid}
        rig.add()
        found = await rig.until("f1", FetchState.INCOMPLETE, FetchState.FAILED)

        assert found.state is FetchState.INCOMPLETE
        assert (found.progress.held, found.progress.failed) == (1, 1)

    run(scenario)


def test_what_is_brought_of_a_partial_archive_is_incomplete(run):
    async def scenario(rig):
        rig.archive.warnings = ("pacs: cannot connect",)
        rig.add()
        found = await rig.until("f1", FetchState.INCOMPLETE, FetchState.DONE)

        assert found.state is FetchState.INCOMPLETE
        assert found.reason == "not all archives have answered (pacs: cannot connect)"
        assert rig.telemetry.names() == ["FetchRequestFailed"]

    run(scenario)


def test_an_archive_that_is_down_or_gone_is_told_with_its_reason(run):
    async def scenario(rig):
        rig.archive.is_down = True
        rig.add("f1")
        rig.add("f2", source="gone")

        assert (await rig.until("f1", FetchState.FAILED)).reason == "nobody answers"
        reason = "there is nothing called 'gone' any more"
        assert (await rig.until("f2", FetchState.FAILED)).reason == reason

    run(scenario)


def test_cancelling_ends_what_is_under_way(run):
    async def scenario(rig):
        rig.archive.pause = asyncio.Event()
        rig.add()
        await rig.until("f1", FetchState.ACTIVE)
        rig.ledger.fetches.cancel("f1", by=OURSELVES, now=datetime.now(UTC))

        await rig.until("f1", FetchState.CANCELLED)

        assert rig.archive.supplies[0].is_closed
        assert rig.brought.is_closed

    run(scenario)


def test_no_more_are_worked_on_than_is_set(run):
    async def scenario(rig):
        rig.archive.pause = asyncio.Event()
        for number in range(4):
            rig.add(f"f{number}", target=f"t{number}")
        await rig.until("f1", FetchState.ACTIVE)
        await asyncio.sleep(0.05)
        assert rig.fetcher.under_way == 2

        rig.archive.pause.set()
        for number in range(4):
            await rig.until(f"f{number}", FetchState.DONE)

    run(scenario, at_once=2)


def test_prefetching_rests_while_instances_come_in(run):
    async def scenario(rig):
        rig.is_busy = True
        rig.add("f1", priority=Priority.BULK)
        rig.add("f2", target="t2")
        await rig.until("f2", FetchState.DONE)
        assert rig.ledger.fetches.find("f1").state is FetchState.WAITING

        rig.is_busy = False
        await rig.until("f1", FetchState.DONE)

    run(scenario)


def test_a_stop_gives_back_what_is_not_done(run, tmp_path):
    async def scenario(rig):
        rig.archive.pause = asyncio.Event()
        rig.add()
        await rig.until("f1", FetchState.ACTIVE)

    run(scenario)

    ledger = Ledger.open(tmp_path / "ledger.db", durability="process")
    assert ledger.fetches.find("f1").state is FetchState.WAITING
    ledger.close()


def test_what_is_cancelled_before_it_began_leaves_room_for_others(run):
    async def scenario(rig):
        rig.add()
        while not rig.fetcher.is_active("f1"):
            await rig.fetcher._begin_what_can_be()
        rig.fetcher.cancel("f1")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert rig.fetcher.under_way == 0

    run(scenario, at_once=1)
