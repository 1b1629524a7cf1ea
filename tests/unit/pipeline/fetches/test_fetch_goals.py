"""Where fetches bring things: into the gateway itself, or to a destination."""

import asyncio
from datetime import timedelta

import pytest
from fetch_rig import RigArchive, holding_of
from intake_bench import Bench

from hilum.ledger.entry import Origin
from hilum.pipeline.doors import FETCH, door_of
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.fetches.handing_on import HandingOn
from hilum.pipeline.fetches.taking_in import TakingIn
from hilum.testing.datasets import instance
from hilum.testing.pretend_destination import PretendDestination

ORIGIN = Origin("", "HILUM", "cloud", "", "HILUM", "fetch-f1")
SOME = [instance(seed=seed, pixel_bytes=64) for seed in range(20)]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)


def brought_in(bench, archive, holdings):
    async def main():
        bench.intake.start(asyncio.get_running_loop())
        goal = TakingIn(bench.intake, archive.payloads, lambda _: (), ORIGIN)
        given = {one.sop_instance_uid: why async for one, why in goal.bring(holdings)}
        await goal.aclose()
        await bench.intake.stop()
        return given

    return asyncio.run(main())


def test_what_is_taken_in_is_durable_and_says_where_it_is_from(bench):
    archive = RigArchive(*SOME)

    given = brought_in(bench, archive, archive.held)

    assert given == {one.sop_instance_uid: "" for one in SOME}
    assert len(bench.files()) == 20
    assert bench.intake.carriers == 0
    [event, *_] = [
        one for one in bench.telemetry.events if type(one).__name__ == "InstanceReceived"
    ]
    assert event.source == FETCH
    assert door_of(calling_ae_title="", association_id=ORIGIN.association_id) == FETCH


def test_what_cannot_be_read_is_not_taken_in(bench):
    archive = RigArchive(*SOME[:2])
    archive.payloads.remove(archive.held[0].path)

    given = brought_in(bench, archive, archive.held)

    assert given[SOME[0].sop_instance_uid].startswith("its payload cannot be read")
    assert given[SOME[1].sop_instance_uid] == ""
    assert len(bench.files()) == 1


def test_what_intake_refuses_is_told_with_its_reason(bench):
    archive = RigArchive(SOME[0])
    archive.payloads.put(archive.held[0].path, SOME[0].data_set[:-8])

    given = brought_in(bench, archive, archive.held)

    assert given[SOME[0].sop_instance_uid]
    assert bench.files() == []


def handed_on(destination, holdings):
    async def main():
        goal = HandingOn(destination.session())
        given = {one.sop_instance_uid: why async for one, why in goal.bring(holdings)}
        assert await goal.known("1.2") == ()
        await goal.aclose()
        return given

    return asyncio.run(main())


HOLDINGS = [holding_of(one) for one in SOME[:3]]


def test_what_is_handed_on_is_there_when_the_destination_says_so():
    destination = PretendDestination("pacs")

    assert set(handed_on(destination, HOLDINGS).values()) == {""}
    assert destination.world.open_sessions == 0
    assert len(destination.world.order) == 3


def test_a_lost_connection_is_opened_again():
    destination = PretendDestination("pacs")
    destination.world.conduct.loses_after = 1

    assert set(handed_on(destination, HOLDINGS).values()) == {""}


def test_a_destination_that_stays_away_is_told_with_its_reason():
    destination = PretendDestination("pacs")
    destination.world.conduct.is_dead = True

    assert set(handed_on(destination, HOLDINGS).values()) == {"nobody answers"}


def test_a_refusal_is_final():
    destination = PretendDestination("pacs")
    destination.world.conduct.refuses_all = True

    given = handed_on(destination, HOLDINGS)

    assert all(given.values())
    assert sum(destination.world.begun.values()) == 3


def test_who_is_busy_is_asked_again():
    destination = PretendDestination("pacs")
    destination.world.conduct.busy = timedelta(seconds=1)

    assert all(handed_on(destination, HOLDINGS[:1]).values())
    assert sum(destination.world.begun.values()) == 3
