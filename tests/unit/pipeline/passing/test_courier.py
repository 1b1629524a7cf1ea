"""How instances share deliveries and sessions, and what their senders are told when time is up."""

import asyncio
import dataclasses
from collections import Counter

import pytest
from intake_bench import ORIGIN
from passing_rig import PassingRig

from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.pipeline.answers import NotPassed, Passed
from hilum.pipeline.passing.cargo import Cargo
from hilum.testing.datasets import instance

pytestmark = pytest.mark.asyncio
DONE = Passed(Delivered())


def origin(number: int):
    return dataclasses.replace(ORIGIN, association_id=f"a-{number}")


async def begun(rig: PassingRig, *, busy: int, waiting: int) -> None:
    """Wait until so much is under way and so much waits for a session."""
    courier = rig.passages._couriers["cloud"]
    async with asyncio.timeout(5):
        while (rig.place.busy, courier.waiting) != (busy, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0)


def sizes(rig: PassingRig) -> list[int]:
    return [len(batch) for batch in rig.place.batches]


async def test_what_waits_at_the_same_moment_shares_a_delivery(tmp_path):
    async with PassingRig(tmp_path, window_max=1, batch_instances_max=10) as rig:
        rig.place.gate.clear()
        bringing = [asyncio.ensure_future(rig.bring(instance(seed=seed))) for seed in range(8)]
        await begun(rig, busy=1, waiting=7)
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 8
        assert sizes(rig) == [1, 7]


async def test_a_delivery_has_no_more_than_the_destination_wants(tmp_path):
    async with PassingRig(tmp_path, window_max=1, batch_instances_max=3) as rig:
        rig.place.gate.clear()
        bringing = [asyncio.ensure_future(rig.bring(instance(seed=seed))) for seed in range(8)]
        await begun(rig, busy=1, waiting=7)
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 8
        assert sizes(rig) == [1, 3, 3, 1]


async def test_sessions_are_no_more_than_the_window_and_are_used_again(tmp_path):
    async with PassingRig(tmp_path, window_max=2, batch_instances_max=1) as rig:
        rig.place.gate.clear()
        bringing = [
            asyncio.ensure_future(rig.bring(instance(seed=s), origin=origin(s))) for s in range(12)
        ]
        await begun(rig, busy=2, waiting=10)
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 12
        assert rig.place.most_busy == 2
        assert rig.place.sessions == 2
    assert rig.place.closed == 2


async def test_a_sender_has_one_session_at_a_time(tmp_path):
    async with PassingRig(tmp_path, window_max=4, batch_instances_max=10) as rig:
        rig.place.gate.clear()
        bringing = [asyncio.ensure_future(rig.bring(instance(seed=seed))) for seed in range(6)]
        await begun(rig, busy=1, waiting=5)
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 6
        assert (rig.place.most_busy, rig.place.sessions) == (1, 1)


async def test_senders_take_turns(tmp_path):
    async with PassingRig(tmp_path, window_max=1, batch_instances_max=2) as rig:
        rig.place.gate.clear()
        bringing = [
            asyncio.ensure_future(rig.bring(instance(seed=seed), origin=origin(who)))
            for seed, who in enumerate([1, 1, 1, 1, 1, 1, 2])
        ]
        await begun(rig, busy=1, waiting=6)
        rig.place.gate.set()
        await asyncio.gather(*bringing)

        last = bringing[-1]
        assert last.result() == DONE
        uid = instance(seed=6).sop_instance_uid
        uids = [[parcel.sop_instance_uid for parcel in batch] for batch in rig.place.batches]
        assert [uid in batch for batch in uids].index(True) < len(uids) - 1


async def test_no_delivery_has_an_instance_twice(tmp_path):
    generated = instance(seed=1)

    async with PassingRig(tmp_path, window_max=1, batch_instances_max=10) as rig:
        rig.place.gate.clear()
        bringing = [asyncio.ensure_future(rig.bring(generated)) for _ in range(4)]
        await begun(rig, busy=1, waiting=3)
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 4
        assert sizes(rig) == [1, 1, 1, 1]


async def test_outcomes_of_a_delivery_are_told_apart(tmp_path):
    bad = instance(seed=3).sop_instance_uid

    async with PassingRig(tmp_path, window_max=1, batch_instances_max=10) as rig:
        rig.place.outcome_of = lambda parcel: (
            Refused("no", 0xC000) if parcel.sop_instance_uid == bad else Delivered()
        )
        bringing = [asyncio.ensure_future(rig.bring(instance(seed=seed))) for seed in range(6)]
        answers = await asyncio.gather(*bringing)

        assert [isinstance(one, NotPassed) for one in answers] == [s == 3 for s in range(6)]


async def test_what_was_not_tried_because_of_another_is_tried_once_more(tmp_path):
    tries: Counter[str] = Counter()

    def outcome_of(parcel):
        tries[parcel.sop_instance_uid] += 1
        if len(tries) > 1 and tries[parcel.sop_instance_uid] == 1:
            return Deferred("not tried", failing=Failing.UNTRIED)
        return Delivered()

    async with PassingRig(tmp_path, window_max=1, batch_instances_max=10) as rig:
        rig.place.gate.clear()
        bringing = [asyncio.ensure_future(rig.bring(instance(seed=seed))) for seed in range(5)]
        await begun(rig, busy=1, waiting=4)
        rig.place.outcome_of = outcome_of
        rig.place.gate.set()

        assert await asyncio.gather(*bringing) == [DONE] * 5
        assert sizes(rig) == [1, 4, 4]


async def test_what_is_never_tried_fails_instead_of_going_round(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = lambda _: Deferred("not tried", failing=Failing.UNTRIED)

        answer = await rig.bring(instance(seed=1))

        assert answer.outcome.failing is Failing.UNTRIED
        assert len(rig.place.batches) == 2


async def test_an_archive_that_does_not_answer_by_the_deadline_has_nothing(tmp_path):
    async with PassingRig(tmp_path, window_max=1) as rig:
        rig.taker = rig.passages.passage("cloud", deadline_seconds=0.05)
        rig.place.gate.clear()
        first, second = (
            asyncio.ensure_future(rig.bring(instance(seed=s), origin=origin(s))) for s in (1, 2)
        )

        answers = await asyncio.gather(first, second)

        assert [one.outcome.failing for one in answers] == [Failing.UNREACHABLE, Failing.BUSY]
        assert rig.drafts() == 0
        assert rig.place.stopped == 1
        assert rig.passages.open_receptions == 0


async def test_a_session_that_was_left_in_the_middle_is_not_used_again(tmp_path):
    async with PassingRig(tmp_path, window_max=1) as rig:
        rig.taker = rig.passages.passage("cloud", deadline_seconds=0.05)
        rig.place.gate.clear()
        await rig.bring(instance(seed=1))
        rig.place.gate.set()

        assert await rig.bring(instance(seed=2)) == DONE
        assert rig.place.sessions == 2


async def test_a_destination_that_is_no_more_takes_nothing(tmp_path):
    async with PassingRig(tmp_path) as rig:
        del rig.targets["cloud"]

        answer = await rig.bring(instance(seed=1))

        assert answer.outcome.failing is Failing.UNWELCOME


async def test_sessions_of_a_destination_of_before_are_closed(tmp_path):
    async with PassingRig(tmp_path) as rig:
        await rig.bring(instance(seed=1))
        other = type(rig.place)(rig.vault)
        rig.targets["cloud"] = dataclasses.replace(rig.target, destination=other)

        assert await rig.bring(instance(seed=2)) == DONE
        assert (len(rig.place.arrived), len(other.arrived)) == (1, 1)
    assert rig.place.closed == 1


async def test_a_stop_answers_whoever_waits(tmp_path):
    async with PassingRig(tmp_path, window_max=1) as rig:
        rig.place.gate.clear()
        bringing = [
            asyncio.ensure_future(rig.bring(instance(seed=s), origin=origin(s))) for s in (1, 2)
        ]
        await begun(rig, busy=1, waiting=1)

        await rig.passages.stop()

        answers = await asyncio.gather(*bringing)
        assert all(isinstance(one, NotPassed) for one in answers)
        assert rig.drafts() == 0


async def cargo_like_one_before(rig: PassingRig, settled: list) -> Cargo:
    """Give cargo that nobody has brought yet."""
    assert await rig.bring(instance(seed=1)) == DONE
    due_at = asyncio.get_running_loop().time() + 5
    parcel = rig.place.batches[0][0]
    return Cargo(parcel, sender="a-9", due_at=due_at, settled=settled.append)


async def test_what_is_withdrawn_before_its_delivery_began_leaves_the_window_free(tmp_path):
    """A C-STORE and an A-ABORT may come in one packet."""
    async with PassingRig(tmp_path, window_max=1) as rig:
        cargo = await cargo_like_one_before(rig, [])
        courier = rig.passages._couriers["cloud"]

        courier.bring(cargo)
        courier.withdraw(cargo)

        async with asyncio.timeout(5):
            assert await rig.bring(instance(seed=2)) == DONE


async def test_a_stop_answers_what_was_brought_a_moment_before(tmp_path):
    async with PassingRig(tmp_path, window_max=1) as rig:
        settled: list = []
        cargo = await cargo_like_one_before(rig, settled)
        courier = rig.passages._couriers["cloud"]

        courier.bring(cargo)
        await courier.stop()

        assert [outcome.failing for outcome in settled] == [Failing.UNTRIED]


async def test_what_comes_back_while_it_is_on_its_way_is_refused_for_now(tmp_path):
    """Else two gateways hand it each other until the deadline."""
    generated = instance(seed=1)

    async with PassingRig(tmp_path, window_max=4) as rig:
        rig.place.gate.clear()
        first = asyncio.ensure_future(rig.bring(generated, origin=origin(1)))
        await begun(rig, busy=1, waiting=0)
        back = await rig.bring(generated, origin=origin(2))
        rig.place.gate.set()

        assert isinstance(back, NotPassed)
        assert back.outcome.failing is Failing.BUSY
        assert await first == DONE
        assert await rig.bring(generated, origin=origin(2)) == DONE
