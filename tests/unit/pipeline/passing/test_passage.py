"""A passage: what its senders are told is what the other side has, and nothing is left here."""

import asyncio
import dataclasses

import pytest
from passing_rig import PassingRig

from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.answers import (
    Mismatched,
    Misplaced,
    NoRoom,
    NotPassed,
    NotUnderstood,
    Passed,
    TooLong,
)
from hilum.testing.datasets import instance
from hilum.vault.inventory import drop_drafts

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("is_spooled", [False, True])
@pytest.mark.parametrize("pixel_bytes", [100, 70_000, 3_000_000, 6_000_000])
async def test_success_is_said_when_the_other_side_has_the_very_bytes(
    tmp_path, pixel_bytes, is_spooled
):
    generated = instance(seed=1, pixel_bytes=pixel_bytes)

    async with PassingRig(tmp_path) as rig:
        if is_spooled:
            rig.spool_all()
        answer = await rig.bring(generated)

        assert answer == Passed(Delivered())
        assert rig.place.arrived == [generated.data_set]
    assert (rig.drafts(), rig.files()) == (0, [])


async def test_nothing_of_it_is_in_the_catalogue(tmp_path):
    async with PassingRig(tmp_path) as rig:
        await rig.bring(instance(seed=1))

        assert rig.ledger.counts().instances == 0


@pytest.mark.parametrize(
    "outcome",
    [
        Refused("no", 0xA900),
        Refused("no", http_status=409),
        Deferred("later", failing=Failing.UNREACHABLE),
        Deferred("busy", status=0xA700),
    ],
)
async def test_what_the_other_side_does_not_have_is_no_success(tmp_path, outcome):
    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = lambda _: outcome

        answer = await rig.bring(instance(seed=1))

        assert answer == NotPassed(outcome, "cloud", "standard")
    assert rig.drafts() == 0


async def test_a_warning_is_handed_on(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = lambda _: Delivered(0xB000, "coerced")

        assert await rig.bring(instance(seed=1)) == Passed(Delivered(0xB000, "coerced"))


async def test_a_session_that_says_nothing_of_an_instance_is_no_success(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = lambda _: None

        answer = await rig.bring(instance(seed=1))

        assert isinstance(answer, NotPassed)
        assert answer.outcome.failing is Failing.CONFUSED


async def test_a_session_that_breaks_is_told_of_and_is_no_success(tmp_path):
    def break_it(_):
        raise ZeroDivisionError

    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = break_it

        assert isinstance(await rig.bring(instance(seed=1)), NotPassed)
        assert "PassingFaulted" in rig.telemetry.names()
        rig.place.outcome_of = lambda _: Delivered()
        assert await rig.bring(instance(seed=1)) == Passed(Delivered())


@pytest.mark.parametrize("cut", [10, 200, 8000])
async def test_what_is_truncated_is_not_sent(tmp_path, cut):
    whole = instance(seed=1, pixel_bytes=10_000)
    broken = dataclasses.replace(whole, data_set=whole.data_set[:-cut])

    async with PassingRig(tmp_path) as rig:
        assert isinstance(await rig.bring(broken), NotUnderstood)
        assert rig.place.batches == []
    assert rig.drafts() == 0


async def test_another_instance_than_announced_is_not_sent(tmp_path):
    async with PassingRig(tmp_path) as rig:
        assert isinstance(await rig.bring(instance(seed=1), sop_instance_uid="1.2"), Mismatched)
        assert isinstance(await rig.bring(instance(seed=1), sop_class_uid="1.2"), Mismatched)
        assert isinstance(await rig.bring(instance(seed=1), study_instance_uid="1.2"), Misplaced)
        assert rig.place.batches == []


async def test_what_is_longer_than_the_limit_is_not_sent(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.depot.instance_bytes_max = 500_000

        assert isinstance(await rig.bring(instance(seed=1, pixel_bytes=900_000)), TooLong)
        assert rig.place.batches == []


@pytest.mark.parametrize("pixel_bytes", [100, 900_000])
async def test_a_full_disk_is_no_room(tmp_path, pixel_bytes):
    async with PassingRig(tmp_path) as rig:
        rig.spool_all()
        rig.disk.fault = "write"

        assert isinstance(await rig.bring(instance(seed=1, pixel_bytes=pixel_bytes)), NoRoom)
        assert rig.passage.obstacle is not None
        assert rig.place.batches == []
    assert rig.drafts() == 0


async def test_a_quota_of_what_is_held_does_not_bar_what_only_goes_through(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.intake.bar("the quota is used up")

        assert rig.passage.obstacle is None
        assert await rig.bring(instance(seed=1)) == Passed(Delivered())


async def test_a_record_is_written_before_the_answer(tmp_path):
    generated = instance(seed=1)

    async with PassingRig(tmp_path) as rig:
        await rig.bring(generated)
        rig.place.outcome_of = lambda _: Refused("no")
        await rig.bring(generated)

        uid = generated.sop_instance_uid
        # The first of a study is durable; what was stored follows its answer, with the next record.
        assert rig.audit_records() == [
            ("instance-passed", "begun", uid),
            ("instance-passed", "begun", uid),
            ("instance-passed", "delivered", uid),
            ("instance-passed", "refused", uid),
        ]


async def test_that_it_was_handed_on_is_written_before_success_is_told(tmp_path):
    async with PassingRig(tmp_path) as rig:
        first, second = instance(seed=1), instance(seed=2)
        await rig.bring(first)
        await rig.bring(second)

        assert [record[1:] for record in rig.audit_records() if record[1] == "begun"] == [
            ("begun", uid) for uid in sorted((first.sop_instance_uid, second.sop_instance_uid))
        ]


async def test_what_was_stored_is_written_down_although_nobody_waits_for_that(tmp_path):
    generated = instance(seed=1)
    async with PassingRig(tmp_path) as rig:
        await rig.bring(generated)

    assert ("instance-passed", "delivered", generated.sop_instance_uid) in rig.records_at_the_end


async def test_without_the_first_record_there_is_no_success(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.audit_fault = LedgerUnavailable("locked")

        assert isinstance(await rig.bring(instance(seed=1)), NoRoom)
        assert "PassageUnrecorded" in rig.telemetry.names()
    assert rig.drafts() == 0


async def test_without_the_record_of_each_there_is_no_success(tmp_path):
    async with PassingRig(tmp_path) as rig:
        await rig.bring(instance(seed=1))
        rig.outcome_fault = LedgerUnavailable("locked")

        assert isinstance(await rig.bring(instance(seed=1)), NoRoom)
        assert "PassageUnrecorded" in rig.telemetry.names()
        assert "OutcomeUnrecorded" in rig.telemetry.names()  # of the one before
    assert rig.drafts() == 0


async def test_without_the_record_of_a_failure_the_sender_tries_again(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.place.outcome_of = lambda _: Refused("no")
        rig.outcome_fault = LedgerUnavailable("locked")

        assert isinstance(await rig.bring(instance(seed=1)), NoRoom)
        assert "PassageUnrecorded" in rig.telemetry.names()


async def test_an_abandoned_arrival_leaves_nothing(tmp_path):
    generated = instance(seed=1, pixel_bytes=900_000)

    async with PassingRig(tmp_path) as rig:
        reception, answer = rig.begin(generated)
        rig.feed(reception, generated.data_set[:600_000])
        reception.abandon()

        assert not answer.done()
        assert rig.place.batches == []
    assert rig.drafts() == 0


async def test_a_sender_that_goes_away_stops_the_delivery(tmp_path):
    generated = instance(seed=1, pixel_bytes=900_000)

    async with PassingRig(tmp_path) as rig:
        rig.spool_all()
        rig.place.gate.clear()
        reception, answer = rig.begin(generated)
        await rig.feed_all(reception, generated.data_set)
        reception.finish()
        await asyncio.wait_for(rig.place.begun.wait(), 5)
        assert rig.drafts() == 1

        rig.passage.withdraw(reception)
        async with asyncio.timeout(1.0):
            while rig.place.stopped == 0 or rig.drafts():  # noqa: ASYNC110 - turns of the loop
                await asyncio.sleep(0)

        assert not answer.done()
        assert "PassageStopped" in rig.telemetry.names()
        assert rig.passages.open_receptions == 0
    assert rig.place.closed == 1


async def test_who_goes_away_while_waiting_for_a_session_is_never_sent(tmp_path):
    async with PassingRig(tmp_path, window_max=1) as rig:
        rig.place.gate.clear()
        first = asyncio.ensure_future(rig.bring(instance(seed=1)))
        await asyncio.wait_for(rig.place.begun.wait(), 5)
        generated = instance(seed=2)
        reception, _ = rig.begin(generated)
        await rig.feed_all(reception, generated.data_set)
        reception.finish()

        rig.passage.withdraw(reception)
        rig.place.gate.set()

        assert await first == Passed(Delivered())
        assert len(rig.place.batches) == 1


async def test_withdrawing_what_was_answered_does_nothing(tmp_path):
    generated = instance(seed=1)

    async with PassingRig(tmp_path) as rig:
        reception, answer = rig.begin(generated)
        await rig.feed_all(reception, generated.data_set)
        reception.finish()
        await answer

        rig.passage.withdraw(reception)

        assert "PassageStopped" not in rig.telemetry.names()


async def test_a_start_sweeps_what_a_crash_left(tmp_path):
    async with PassingRig(tmp_path) as rig:
        rig.spool_all()
        rig.place.gate.clear()
        bringing = asyncio.ensure_future(rig.bring(instance(seed=1)))
        await asyncio.wait_for(rig.place.begun.wait(), 5)

        assert rig.files() == []  # recovery looks there
        assert drop_drafts(rig.root) == 1
        rig.place.gate.set()
        await asyncio.gather(bringing, return_exceptions=True)
