"""Intake with a real vault and ledger, and with disks and ledgers that fail: no false success."""

import asyncio
import dataclasses
import errno

import pytest
from intake_bench import ORIGIN, Bench
from xxhash import xxh3_128

from hilum.kernel.errors import Full
from hilum.kernel.syncing import Synced
from hilum.ledger.entry import Origin, Verdict
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.adoption import read_entry
from hilum.pipeline.answers import (
    DuplicateRefused,
    Kept,
    Mismatched,
    NoRoom,
    NotUnderstood,
    TooLong,
)
from hilum.pipeline.buffers import Buffer
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.intake import IntakeLimits
from hilum.testing.datasets import GeneratedInstance, instance


@pytest.fixture(params=["power", "overlapping", "process"])
def run(request, tmp_path):
    """Run a scenario against an intake; `run(scenario, policy=...)`."""

    def runner(scenario, policy=DuplicatePolicy.KEEP_BOTH):
        async def main() -> None:
            synced, overlapping = request.param != "process", request.param == "overlapping"
            bench = Bench(tmp_path, synced=synced, policy=policy, overlapping=overlapping)
            bench.intake.start(asyncio.get_running_loop())
            try:
                await scenario(bench)
            finally:
                await bench.intake.stop()
                bench.ledger.close()

        asyncio.run(main())

    return runner


@pytest.mark.parametrize("pixel_bytes", [100, 70_000, 3_000_000])
def test_success_means_in_ledger_and_in_vault_with_its_digest(run, pixel_bytes):
    generated = instance(seed=1, pixel_bytes=pixel_bytes)

    async def scenario(bench: Bench) -> None:
        assert await bench.bring(generated) == Kept(Verdict.KEPT)

        (held,) = bench.ledger.find([generated.sop_instance_uid])[generated.sop_instance_uid]
        assert held.digest == xxh3_128(generated.data_set).digest()
        assert bench.files() == [held.path]
        assert (bench.root / held.path).read_bytes().endswith(generated.data_set)
        assert bench.drafts() == 0

    run(scenario)


def test_a_payload_file_knows_itself_again(run):
    generated = instance(seed=1)

    async def scenario(bench: Bench) -> None:
        await bench.bring(generated)
        entry = read_entry(bench.root, bench.files()[0])
        assert entry.facts.sop_instance_uid == generated.sop_instance_uid
        assert entry.origin == ORIGIN

    run(scenario)


def test_many_at_once_are_all_answered_and_all_there(run):
    async def scenario(bench: Bench) -> None:
        bench.intake.carriers = 150
        brought = [bench.bring(instance(seed=seed, series=seed % 3)) for seed in range(150)]
        answers = await asyncio.gather(*brought)
        assert set(answers) == {Kept(Verdict.KEPT)}
        assert len(bench.files()) == bench.ledger.counts().instances == 150
        # they shared transactions
        assert bench.telemetry.names().count("GroupCommitted") < 150

    run(scenario)


def test_an_answer_leaves_before_anything_is_written_down_of_it(run):
    async def scenario(bench: Bench) -> None:
        generated = instance(seed=1)
        reception, answer = bench.begin(generated)
        told_by_then = answer.get_loop().create_future()

        def answered(kept):
            told_by_then.set_result(bench.telemetry.names())
            answer.set_result(kept)

        reception.answered = answered
        bench.feed(reception, generated.data_set)
        reception.finish()

        assert await answer == Kept(Verdict.KEPT)
        assert await told_by_then == []
        await bench.intake.stop()
        assert bench.telemetry.names() == ["InstanceReceived", "GroupCommitted"]

    run(scenario)


@pytest.mark.parametrize("cut", [10, 200, 8000, 2_000_000])
def test_a_truncated_data_set_is_not_understood_and_a_copy_is_kept(run, cut):
    whole = instance(seed=1, pixel_bytes=3_000_000 if cut > 10_000 else 10_000)
    broken = dataclasses.replace(whole, data_set=whole.data_set[:-cut])

    async def scenario(bench: Bench) -> None:
        assert isinstance(await bench.bring(broken), NotUnderstood)
        assert bench.files() == []
        (kept,) = (bench.root / "quarantine").glob("*.dcm")
        assert kept.read_bytes().endswith(broken.data_set)
        assert bench.ledger.counts().instances == 0
        await bench.intake.stop()
        # Whoever reads the log learns first what was refused, and to whom.
        told = bench.telemetry.names()
        assert told[:2] == ["InstanceRefused", "PayloadQuarantined"]

    run(scenario)


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (Origin("CT1", "HILUM", "ct1", "10.1.2.3", "HILUM", "a-1"), "CT1"),
        (Origin("", "HILUM", "pacs", "", "HILUM", "fetch-1"), "pacs"),
        (Origin("", "", "", "10.1.2.3", "HILUM", "http-1"), "10.1.2.3"),
        (Origin("", "", "", "", "HILUM", ""), "this machine"),
    ],
)
def test_who_brought_what_is_refused_is_told_also_without_an_ae_title(run, origin, told):
    """Nobody can be asked about an instance that was refused "from "."""
    one = instance(seed=1)
    cut = dataclasses.replace(one, data_set=one.data_set[:-200])

    async def scenario(bench: Bench) -> None:
        await bench.bring(cut, origin=origin)
        await bench.intake.stop()
        assert bench.telemetry.events[0].sender == told

    run(scenario)


def test_another_instance_than_announced_is_refused(run):
    async def scenario(bench: Bench) -> None:
        answer = await bench.bring(instance(seed=1), sop_instance_uid="1.2.3")
        assert isinstance(answer, Mismatched)
        answer = await bench.bring(instance(seed=1), sop_class_uid="1.2.3")
        assert isinstance(answer, Mismatched)
        assert bench.files() == []

    run(scenario)


def test_the_same_bytes_again_are_success_and_stored_once(run):
    generated = instance(seed=1)

    async def scenario(bench: Bench) -> None:
        await bench.bring(generated)
        assert await bench.bring(generated) == Kept(Verdict.ALREADY_HELD)
        assert len(bench.files()) == 1
        assert bench.ledger.counts().receipts == 2

    run(scenario)


def other_bytes(generated: GeneratedInstance) -> GeneratedInstance:
    return dataclasses.replace(generated, data_set=generated.data_set[:-2] + b"zz")


@pytest.mark.parametrize(
    ("policy", "answer", "files"),
    [
        (DuplicatePolicy.KEEP_BOTH, Kept(Verdict.KEPT_BESIDE), 2),
        (DuplicatePolicy.REPLACE, Kept(Verdict.REPLACED), 1),
        (DuplicatePolicy.KEEP_FIRST, DuplicateRefused, 1),
    ],
)
def test_other_bytes_under_a_known_uid_follow_the_policy(run, policy, answer, files):
    first = instance(seed=1)
    second = other_bytes(first)

    async def scenario(bench: Bench) -> None:
        await bench.bring(first)
        got = await bench.bring(second)
        assert got == answer or isinstance(got, answer)
        assert len(bench.files()) == files
        held = bench.ledger.find([first.sop_instance_uid])[first.sop_instance_uid]
        current = next(payload for payload in held if payload.is_current)
        served = first if policy is DuplicatePolicy.KEEP_FIRST else second
        assert current.digest == xxh3_128(served.data_set).digest()

    run(scenario, policy)


@pytest.mark.parametrize("policy", list(DuplicatePolicy))
def test_twins_in_one_group_follow_the_policy_too(run, policy):
    first = instance(seed=1)

    async def scenario(bench: Bench) -> None:
        answers = await asyncio.gather(
            bench.bring(first), bench.bring(first), bench.bring(other_bytes(first))
        )
        kept = [answer for answer in answers if isinstance(answer, Kept)]
        held = bench.ledger.find([first.sop_instance_uid])[first.sop_instance_uid]
        assert sorted(bench.files()) == sorted(payload.path for payload in held)
        assert len(kept) == (2 if policy is DuplicatePolicy.KEEP_FIRST else 3)

    run(scenario, policy)


class SameForAll:
    """A digest as a forger would like it."""

    def __init__(self, *_):
        pass

    def update(self, _):
        pass

    def hexdigest(self):
        return "ab" * 16


@pytest.mark.parametrize("policy", list(DuplicatePolicy))
@pytest.mark.parametrize("at_once", [False, True])
def test_bytes_are_not_taken_for_others_because_of_their_digest(run, monkeypatch, policy, at_once):
    monkeypatch.setattr("hilum.vault.draft.Digest", SameForAll)
    first = instance(seed=1)
    second = other_bytes(first)

    async def scenario(bench: Bench) -> None:
        if at_once:
            answers = await asyncio.gather(bench.bring(first), bench.bring(second))
        else:
            answers = [await bench.bring(first), await bench.bring(second)]
        assert answers[0] == Kept(Verdict.KEPT)
        kept = bench.files()
        contents = [(bench.root / path).read_bytes() for path in kept]
        is_second_kept = any(content.endswith(second.data_set) for content in contents)
        assert is_second_kept == (policy is not DuplicatePolicy.KEEP_FIRST)
        assert isinstance(answers[1], Kept if is_second_kept else DuplicateRefused)

    run(scenario, policy)


def test_a_held_file_that_was_damaged_does_not_keep_the_good_bytes_out(run):
    generated = instance(seed=1)

    async def scenario(bench: Bench) -> None:
        await bench.bring(generated)
        damaged = bench.root / bench.files()[0]
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

        assert await bench.bring(generated) == Kept(Verdict.KEPT_BESIDE)
        held = bench.ledger.find([generated.sop_instance_uid])[generated.sop_instance_uid]
        served = next(payload for payload in held if payload.is_current)
        assert (bench.root / served.path).read_bytes().endswith(generated.data_set)

    run(scenario)


@pytest.mark.parametrize("fault", ["create", "write"])
@pytest.mark.parametrize("pixel_bytes", [100, 3_000_000])
def test_a_full_disk_is_never_answered_with_success(run, fault, pixel_bytes):
    async def scenario(bench: Bench) -> None:
        bench.disk.fault = fault
        assert isinstance(await bench.bring(instance(seed=1, pixel_bytes=pixel_bytes)), NoRoom)
        assert bench.files() == []
        assert bench.intake.obstacle is not None
        assert isinstance(await bench.bring(instance(seed=2)), NoRoom)

        bench.disk.fault = ""
        bench.intake.learn_room(1 << 40, 1 << 41)
        assert bench.intake.obstacle is None
        assert await bench.bring(instance(seed=1)) == Kept(Verdict.KEPT)
        assert bench.drafts() == 0
        assert "IntakeObstructed" in bench.telemetry.names()
        assert "IntakeRestored" in bench.telemetry.names()

    run(scenario)


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_failed_sync_is_not_success_and_leaves_no_file(tmp_path, overlapping):
    async def main() -> None:
        policy = DuplicatePolicy.KEEP_BOTH
        bench = Bench(tmp_path, synced=True, policy=policy, overlapping=overlapping)
        bench.intake.start(asyncio.get_running_loop())
        bench.disk.fault, bench.disk.number = "sync", errno.EIO
        # The second one is long enough not to be in the journal.
        several = (bench.bring(instance(seed=s, pixel_bytes=100 + s * 250_000)) for s in range(3))
        answers = await asyncio.gather(*several)
        assert {type(answer) for answer in answers} == {NoRoom}
        assert bench.files() == []
        assert bench.drafts() == 0
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def test_bytes_that_fail_on_their_way_to_the_device_are_not_success(tmp_path):
    """The sync behind it would succeed: the kernel has dropped what it could not write."""

    async def main() -> None:
        bench = Bench(tmp_path, synced=True, policy=DuplicatePolicy.KEEP_BOTH)
        bench.intake.start(asyncio.get_running_loop())
        bench.disk.fault = "hasten"
        assert isinstance(await bench.bring(instance(seed=1, pixel_bytes=250_000)), NoRoom)
        assert bench.files() == []
        assert bench.drafts() == 0
        assert bench.ledger.counts().instances == 0
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def test_a_ledger_whose_sync_failed_is_not_success_and_is_written_once_more(tmp_path):
    """The payloads stay, for it is not known what a power cut would leave."""

    async def main() -> None:
        policy = DuplicatePolicy.KEEP_BOTH
        bench = Bench(tmp_path, synced=True, policy=policy, overlapping=True)
        bench.ledger._begin_syncs = lambda _: Synced(OSError(errno.EIO, "Input/output error"))
        bench.intake.start(asyncio.get_running_loop())
        assert isinstance(await bench.bring(instance(seed=1)), NoRoom)
        assert len(bench.files()) == 1
        assert bench.intake.has_doubt
        assert "syncing the ledger failed" in (bench.intake.obstacle or "")

        bench.ledger._begin_syncs = bench.disk.begin_syncs
        bench.intake.ledger_recovered()
        assert await bench.bring(instance(seed=2)) == Kept(Verdict.KEPT)
        # Until then the log had what its failed sync had not brought to the device.
        assert bench.ledger._writer._handle._must_rewrite is False
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def test_what_comes_while_others_are_synced_does_not_wait_for_them(tmp_path):
    """Three groups are on their way to the device before the first one is recorded."""

    async def main() -> None:
        policy = DuplicatePolicy.KEEP_BOTH
        bench = Bench(tmp_path, synced=True, policy=policy, overlapping=True)
        begun: list[Slow] = []
        bench.disk.begin_syncs = lambda *_: begun.append(Slow()) or begun[-1]
        bench.intake.start(asyncio.get_running_loop())
        answers = []
        for seed in range(3):
            answers.append(asyncio.ensure_future(bench.bring(instance(seed=seed))))
            while len(begun) <= seed:  # noqa: ASYNC110 - some turns of the loop are what it needs
                await asyncio.sleep(0)
        assert bench.telemetry.events == []

        for one in begun:
            one.is_over = True
        bench.intake._overlapping.go_on()
        bench.ledger._begin_syncs = bench.disk.begin_syncs = lambda *_: Synced()

        assert set(await asyncio.gather(*answers)) == {Kept(Verdict.KEPT)}
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def test_what_waits_for_company_that_has_left_is_committed_all_the_same(tmp_path):
    """Others had associations open when it came, and not any more when its turn was there."""

    async def main() -> None:
        policy = DuplicatePolicy.KEEP_BOTH
        bench = Bench(tmp_path, synced=True, policy=policy, overlapping=True)
        bench.intake.start(asyncio.get_running_loop())
        go_on = bench.intake._overlapping.go_on

        def go_on_alone() -> None:
            go_on()
            bench.intake.carriers = 0

        bench.intake._overlapping.go_on = go_on_alone
        async with asyncio.timeout(5):
            assert await bench.bring(instance(seed=1)) == Kept(Verdict.KEPT)
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


class Slow:
    """Syncs that end when somebody says so."""

    is_over = False

    def wait(self) -> None:
        assert self.is_over


@pytest.mark.parametrize("error", [Full("full"), LedgerUnavailable("broken")])
def test_without_the_ledger_nothing_is_success_and_it_recovers(run, error):
    async def scenario(bench: Bench) -> None:
        bench.records.fault = error
        assert isinstance(await bench.bring(instance(seed=1)), NoRoom)
        assert bench.intake.obstacle is not None

        bench.records.fault = None
        bench.intake.learn_room(1 << 40, 1 << 41)
        bench.intake.ledger_recovered()
        assert await bench.bring(instance(seed=1)) == Kept(Verdict.KEPT)
        # Whether the failed commit reached the disk is not known: its file waits for a start.
        assert len(bench.files()) == 2
        assert bench.intake.has_doubt

    run(scenario)


def test_a_fault_of_ours_in_the_commit_still_answers_everybody(run):
    async def scenario(bench: Bench) -> None:
        bench.records.fault = ZeroDivisionError()
        answers = await asyncio.gather(*(bench.bring(instance(seed=s)) for s in range(5)))
        assert {type(answer) for answer in answers} == {NoRoom}

    run(scenario)


def test_an_abandoned_instance_leaves_nothing_and_is_not_answered(run):
    generated = instance(seed=1, pixel_bytes=3_000_000)

    async def scenario(bench: Bench) -> None:
        reception, answer = bench.begin(generated)
        buffer = Buffer(2_000_000, None)
        buffer.view[:] = generated.data_set[:2_000_000]
        reception.take(buffer.view, buffer)
        reception.abandon()
        await bench.bring(instance(seed=2))
        async with asyncio.timeout(5):
            while bench.drafts():  # noqa: ASYNC110 - a scribe's thread is at it
                await asyncio.sleep(0.01)
        assert not answer.done()
        assert bench.intake.open_receptions == 0
        assert buffer.holds == 0

    run(scenario)


def test_an_instance_beyond_the_limit_is_refused(run):
    async def scenario(bench: Bench) -> None:
        bench.intake._limits = IntakeLimits(instance_bytes_max=1 << 20)
        answer = await bench.bring(instance(seed=1, pixel_bytes=5_000_000))
        assert isinstance(answer, TooLong)
        assert bench.drafts() == 0
        assert bench.intake.obstacle is None

    run(scenario)


def test_a_file_that_cannot_be_cleaned_up_is_looked_for_at_the_next_start(run):
    generated = instance(seed=1, pixel_bytes=100)

    async def scenario(bench: Bench) -> None:
        await bench.bring(generated)
        assert not bench.intake.has_doubt
        bench.disk.fault = "remove"

        assert await bench.bring(generated) == Kept(Verdict.ALREADY_HELD)

        assert bench.intake.has_doubt

    run(scenario)
