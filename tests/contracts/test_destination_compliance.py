"""What every destination promises (`pipeline.ports.Destination`), asked of each of them.

A new one joins with a rig: see `destination_rigs`.
"""

import asyncio
import contextlib
import tracemalloc

import pytest
from destination_rigs import HASTY_SECONDS, RIGS, Reaction

from hilum.kernel.errors import Rejected, RemoteProtocolError, Unreachable
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused

pytestmark = pytest.mark.asyncio

MIB = 1024 * 1024
LARGE_BYTES = 48 * MIB
# What a session may hold of an instance, whatever its size: its buffers and the transport's.
MEMORY_BYTES_MAX = 12 * MIB


def rigs(*needed, connects=False, carries=False):
    """Ask each kind of destination whose place can react as the test needs it."""
    able = [
        kind
        for kind in RIGS
        if kind.can.issuperset(needed)
        and (kind.connects or not connects)
        and (kind.carries or not carries)
    ]
    return pytest.mark.parametrize("kind", able, ids=lambda kind: kind.name)


async def outcomes_of(session, parcels):
    """Deliver and give the outcomes in the order of the parcels; each has exactly one."""
    given = {}
    async with asyncio.timeout(20):
        async for parcel, outcome in session.deliver(parcels):
            assert id(parcel) not in given, "two outcomes for one parcel"
            given[id(parcel)] = outcome
    assert given.keys() == {id(parcel) for parcel in parcels}
    return [given[id(parcel)] for parcel in parcels]


@contextlib.asynccontextmanager
async def session_of(rig, folder):
    async with rig.running(folder) as destination:
        session = destination.session()
        try:
            yield session
        finally:
            await session.aclose()


@rigs()
async def test_everything_arrives_byte_for_byte_and_has_one_outcome(kind, tmp_path):
    rig = kind()
    parcels = rig.parcels(20)

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, parcels)

    assert outcomes == [Delivered()] * 20
    assert sorted(rig.arrived()) == sorted((p.sop_instance_uid, rig.digest(p)) for p in parcels)
    assert rig.payloads.open_now == 0


@rigs()
async def test_a_batch_of_nothing_does_nothing(kind, tmp_path):
    rig = kind()
    async with session_of(rig, tmp_path) as session:
        assert await outcomes_of(session, []) == []

    assert rig.arrived() == []


@rigs()
async def test_a_session_takes_one_batch_after_another(kind, tmp_path):
    rig = kind()
    async with session_of(rig, tmp_path) as session:
        for first in range(0, 12, 3):
            await outcomes_of(session, rig.parcels(3, first=first))

    assert len(rig.arrived()) == 12


@rigs()
async def test_two_sessions_work_side_by_side(kind, tmp_path):
    rig = kind()
    async with rig.running(tmp_path) as destination:
        one, two = destination.session(), destination.session()
        await asyncio.gather(
            outcomes_of(one, rig.parcels(8)), outcomes_of(two, rig.parcels(8, first=8))
        )
        await one.aclose()
        await two.aclose()

    assert len({uid for uid, _ in rig.arrived()}) == 16


@rigs()
async def test_it_can_be_verified(kind, tmp_path):
    async with kind().running(tmp_path) as destination:
        await destination.verify()


@rigs(connects=True)
async def test_verification_says_that_nobody_is_there(kind, tmp_path):
    async with kind().absent(tmp_path) as destination:
        with pytest.raises((Unreachable, Rejected, RemoteProtocolError)) as caught:
            await destination.verify()

    assert len(str(caught.value)) > 20


@rigs(connects=True)
async def test_when_nobody_is_there_nothing_is_lost_and_one_attempt_is_counted(kind, tmp_path):
    rig = kind()
    parcels = rig.parcels(5)

    async with rig.absent(tmp_path) as destination:
        session = destination.session()
        outcomes = await outcomes_of(session, parcels)
        await session.aclose()

    assert {type(outcome) for outcome in outcomes} == {Deferred}
    failings = sorted(outcome.failing.value for outcome in outcomes)
    assert failings == ["unreachable", *["untried"] * 4]
    assert rig.payloads.open_now == 0


@rigs(Reaction.REFUSE)
async def test_a_bad_instance_does_not_stop_its_batch(kind, tmp_path):
    rig = kind()
    rig.reactions[2] = Reaction.REFUSE

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, rig.parcels(5))

    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1
    assert sum(outcome == Delivered() for outcome in outcomes) == 4


@rigs(Reaction.WARN)
async def test_a_warning_is_a_delivery_with_a_remark(kind, tmp_path):
    rig = kind()
    rig.reactions[0] = Reaction.WARN

    async with session_of(rig, tmp_path) as session:
        (outcome,) = await outcomes_of(session, rig.parcels(1))

    assert isinstance(outcome, Delivered)
    assert outcome.warning is not None
    assert outcome.remark


@rigs(Reaction.BUSY)
async def test_not_now_is_no_refusal(kind, tmp_path):
    rig = kind()
    rig.reactions[1] = Reaction.BUSY

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, rig.parcels(3))

    deferred = [outcome for outcome in outcomes if isinstance(outcome, Deferred)]
    assert deferred
    assert deferred[0].failing is Failing.BUSY
    assert deferred[0].reason


@rigs(Reaction.LOSE)
async def test_what_arrived_before_a_loss_is_never_sent_again(kind, tmp_path):
    rig = kind()
    rig.reactions[3] = Reaction.LOSE
    parcels = rig.parcels(8)

    async with session_of(rig, tmp_path) as session:
        first = await outcomes_of(session, parcels)
        left = [p for p, outcome in zip(parcels, first, strict=True) if outcome != Delivered()]
        second = await outcomes_of(session, left)

    assert 1 <= len(left) < 8
    failings = [outcome.failing for outcome in first if isinstance(outcome, Deferred)]
    assert failings.count(Failing.UNREACHABLE) == 1
    assert set(failings) <= {Failing.UNREACHABLE, Failing.UNTRIED}
    assert second == [Delivered()] * len(left)
    assert sorted(uid for uid, _ in rig.arrived()) == sorted(p.sop_instance_uid for p in parcels)


@rigs(Reaction.MUTE)
async def test_silence_costs_the_deadline_and_no_more(kind, tmp_path):
    rig = kind()
    rig.answer_seconds = HASTY_SECONDS
    rig.reactions[1] = Reaction.MUTE

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, rig.parcels(4))

    deferred = [outcome for outcome in outcomes if isinstance(outcome, Deferred)]
    assert Failing.UNREACHABLE in {outcome.failing for outcome in deferred}
    assert f"within {HASTY_SECONDS:g} s" in deferred[0].reason


@rigs(carries=True)
@pytest.mark.parametrize("ailment", ["missing", "short", "damaged"])
async def test_a_payload_of_ours_that_is_gone_or_damaged_is_refused_and_visible(
    kind, tmp_path, ailment
):
    rig = kind()
    parcels = rig.parcels(4)
    ill = parcels[1]
    if ailment == "missing":
        rig.payloads.remove(ill.path)
    elif ailment == "damaged":
        rig.payloads.damage(ill.path)
    else:
        rig.payloads.shorten(ill.path, by=10)

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, parcels)

    refused = outcomes.pop(1)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("our payload")
    assert ill.path not in refused.reason
    assert outcomes == [Delivered()] * 3
    assert ill.sop_instance_uid not in {uid for uid, _ in rig.arrived()}
    assert rig.payloads.open_now == 0


@rigs(carries=True)
async def test_a_payload_that_ends_in_the_middle_never_arrives_as_a_whole(kind, tmp_path):
    rig = kind()
    ill, well = rig.parcel(1, large=6 * MIB), rig.parcel(2)
    rig.payloads.shorten(ill.path, by=2)

    async with session_of(rig, tmp_path) as session:
        outcomes = await outcomes_of(session, [ill, well])

    assert isinstance(outcomes[0], Refused)
    assert outcomes[1] == Delivered()
    assert [uid for uid, _ in rig.arrived()] == [well.sop_instance_uid]


@rigs(carries=True)
async def test_a_large_payload_streams_through_little_memory(kind, tmp_path):
    rig = kind()
    large = rig.parcel(1, large=LARGE_BYTES)

    async with session_of(rig, tmp_path) as session:
        tracemalloc.start()
        try:
            outcomes = await outcomes_of(session, [large])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert outcomes == [Delivered()]
    assert rig.arrived() == [(large.sop_instance_uid, rig.digest(large))]
    assert peak < MEMORY_BYTES_MAX


@rigs()
async def test_a_session_can_be_closed_twice_and_without_ever_being_used(kind, tmp_path):
    rig = kind()
    async with rig.running(tmp_path) as destination:
        unused, used = destination.session(), destination.session()
        await outcomes_of(used, rig.parcels(1))
        for session in (unused, used):
            await session.aclose()
            await session.aclose()
        await destination.aclose()
        await until(lambda: rig.connections() == 0)


@rigs(Reaction.MUTE)
async def test_cancelling_leaves_nothing_open(kind, tmp_path):
    rig = kind()
    rig.reactions[2] = Reaction.MUTE
    async with rig.running(tmp_path) as destination:
        session = destination.session()
        seen = []

        async def deliver():
            async with contextlib.aclosing(session.deliver(rig.parcels(5))) as given:
                async for parcel, outcome in given:
                    seen.append((parcel, outcome))

        task = asyncio.create_task(deliver())
        await until(lambda: len(seen) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.aclose()

        await until(lambda: rig.connections() == 0)
        assert rig.payloads.open_now == 0


@rigs()
async def test_who_stops_listening_in_the_middle_leaves_nothing_open(kind, tmp_path):
    rig = kind()
    async with rig.running(tmp_path) as destination:
        session = destination.session()
        async with contextlib.aclosing(session.deliver(rig.parcels(5))) as given:
            async for _ in given:
                break
        await session.aclose()

        await until(lambda: rig.connections() == 0)
    assert rig.payloads.open_now == 0


async def until(condition):
    """Turn the loop until something that is on its way has happened; the timeout fails it."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - conditions of many kinds
            await asyncio.sleep(0.001)
