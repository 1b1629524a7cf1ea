"""Seats: never more associations than allowed, in the order of who came; idle ones make room."""

import asyncio
from dataclasses import replace

import pytest
from answerer_rig import OPTIONS, all_of, answering, question
from destination_rigs import DimseRig
from dimse_archive import DimseArchive

from hilum.destinations.dimse.refusals import Busy
from hilum.destinations.dimse.seats import Seats
from hilum.kernel.outcome import Delivered
from hilum.query.level import Level
from hilum.testing.datasets import instance


def take(seats, seconds=5.0):
    return seats.take(seconds=seconds, peer="PACS")


def run(scenario):
    return asyncio.run(scenario())


async def turns(number=5):
    for _ in range(number):
        await asyncio.sleep(0)


def test_seats_are_taken_up_to_the_limit_and_then_waited_for_in_order():
    async def scenario():
        seats, got = Seats(1), []
        first = await take(seats)

        async def wait(name):
            seat = await take(seats)
            got.append(name)
            seat.give_back()

        waiting = [asyncio.create_task(wait(name)) for name in "ab"]
        await turns()
        assert got == []
        assert first.is_wanted
        first.give_back()
        first.give_back()  # a second time is none
        await asyncio.gather(*waiting)
        return got, seats.free

    assert run(scenario) == (["a", "b"], 1)


def test_who_waits_too_long_is_told_and_takes_nothing():
    async def scenario():
        seats = Seats(1)
        held = await take(seats)
        with pytest.raises(Busy, match="all 1 associations"):
            await take(seats, seconds=0.01)
        held.give_back()
        return seats.free

    assert run(scenario) == 1


def test_who_goes_away_leaves_its_place_to_the_next():
    async def scenario():
        seats = Seats(1)
        held = await take(seats)
        leaving = asyncio.create_task(take(seats))
        staying = asyncio.create_task(take(seats))
        await turns()
        leaving.cancel()
        await turns()
        held.give_back()
        (await staying).give_back()
        return seats.free

    assert run(scenario) == 1


def test_who_goes_away_at_the_moment_of_getting_one_passes_it_on():
    async def scenario():
        seats = Seats(1)
        held = await take(seats)
        leaving = asyncio.create_task(take(seats))
        staying = asyncio.create_task(take(seats))
        await turns()
        held.give_back()
        leaving.cancel()
        (await asyncio.wait_for(staying, 1)).give_back()
        return seats.free

    assert run(scenario) == 1


def test_what_is_idle_makes_room_for_who_waits():
    async def scenario():
        seats, told = Seats(2), []
        older, newer = await take(seats), await take(seats)
        older.lend(lambda: told.append("older"))
        newer.lend(lambda: told.append("newer"))
        waiting = asyncio.create_task(take(seats))
        await turns()
        assert told == ["older"]
        older.give_back()
        await waiting
        return told

    assert run(scenario) == ["older"]


def test_what_becomes_idle_while_somebody_waits_goes_at_once():
    async def scenario():
        seats, told = Seats(1), []
        held = await take(seats)
        waiting = asyncio.create_task(take(seats))
        await turns()
        held.lend(lambda: told.append("go"))
        held.give_back()
        await waiting
        return told

    assert run(scenario) == ["go"]


def test_what_is_used_again_is_not_asked_to_go():
    async def scenario():
        seats, told = Seats(1), []
        held = await take(seats)
        held.lend(lambda: told.append("go"))
        held.take_up()
        with pytest.raises(Busy):
            await take(seats, seconds=0.01)
        return told

    assert run(scenario) == []


def test_a_lower_limit_holds_as_seats_come_back():
    async def scenario():
        seats = Seats(2)
        first, second = await take(seats), await take(seats)
        seats.limit = 1
        waiting = asyncio.create_task(take(seats))
        await turns()
        first.give_back()
        await turns()
        assert not waiting.done()
        second.give_back()
        await waiting
        return seats.free

    assert run(scenario) == 0


async def deliver(session, parcels):
    async with asyncio.timeout(20):
        return [outcome async for _, outcome in session.deliver(parcels)]


def open_at_most(peer):
    """Count how many associations are open when one more is asked for."""
    most = [0]
    inner = peer.reject

    def reject(request):
        most[0] = max(most[0], peer.open_now)
        return inner(request)

    peer.reject = reject
    return most


def test_a_session_that_is_idle_leaves_for_another_one():
    async def scenario():
        rig = DimseRig()
        rig.seats = Seats(1)
        most = open_at_most(rig.peer)
        async with rig.running(None) as destination:
            one, other = destination.session(), destination.session()
            for session in (one, other, one):
                assert isinstance((await deliver(session, rig.parcels(1)))[0], Delivered)
            await destination.verify()
            await one.aclose()
            await other.aclose()
        return most[0], rig.seats.free

    assert run(scenario) == (1, 1)


def test_a_long_batch_lets_others_in_between():
    async def scenario():
        rig = DimseRig()
        rig.seats = Seats(1)
        order = []
        async with rig.running(None) as destination:
            session = destination.session()
            asked = None
            async for _, outcome in session.deliver(rig.parcels(6)):
                assert isinstance(outcome, Delivered)
                order.append("store")
                if asked is None:
                    asked = asyncio.create_task(destination.verify())
                    asked.add_done_callback(lambda _: order.append("asked"))
                    await turns()
            await asked
            await session.aclose()
        return order, rig.seats.free

    order, free = run(scenario)

    assert order.count("store") == 6
    assert order.index("asked") < 5
    assert free == 1


def test_questions_share_the_seats_and_what_is_idle_of_them_leaves():
    async def scenario():
        seats = Seats(1)
        archive = DimseArchive([instance(seed=1, pixel_bytes=64)])
        options = replace(OPTIONS, seats=seats)
        async with answering(archive, options=options) as (answerer, peer):
            await all_of(answerer, question(Level.STUDY))
            assert answerer.figures().idle == 1
            seat = await take(seats)  # somebody delivers
            assert answerer.figures().idle == 0
            asked = asyncio.create_task(all_of(answerer, question(Level.STUDY)))
            await turns()
            assert not asked.done()
            seat.give_back()
            matches, _, _ = await asked
            assert len(peer.requests) == 2
        return len(matches), seats.free

    assert run(scenario) == (1, 1)
