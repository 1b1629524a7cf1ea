"""Carriers against a peer that misbehaves: nothing is lost, nothing confirmed goes twice."""

import asyncio
from collections import Counter

import pytest

from hilum.cli.sending import work
from hilum.cli.sending.carrier import Service
from hilum.cli.sending.collect import Collector
from hilum.cli.sending.journal import Journal
from hilum.cli.sending.payload import Payloads
from hilum.cli.sending.plan import plan
from hilum.cli.sending.progress import Quiet
from hilum.cli.sending.run import send_all
from hilum.cli.sending.stop import Stop
from hilum.cli.sending.talk import Talk
from hilum.cli.sending.tally import Tally
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import PresentationReason, RejectResult, UserReason
from hilum.kernel.names import AETitle
from hilum.service.clock import SystemClock
from hilum.testing.datasets import CT, IMPLICIT_VR_LITTLE_ENDIAN, MR, instance, write_part10
from hilum.testing.peer import Abort, HangUp, ScriptedPeer

pytestmark = pytest.mark.asyncio

OPTIONS = RequestorOptions(connect_timeout_seconds=5, association_timeout_seconds=5)


@pytest.fixture(autouse=True)
def no_back_off(monkeypatch):
    monkeypatch.setattr(work, "_BACK_OFF_FIRST_SECONDS", 0.001)
    monkeypatch.setattr(work, "_BACK_OFF_MAX_SECONDS", 0.001)


@pytest.fixture
def files(tmp_path):
    for number in range(10):
        write_part10(tmp_path / f"{number}.dcm", instance(seed=number, pixel_bytes=2))
    return tmp_path


async def send(peer, folder, *, retries=2, associations=1, stop=None, journal=None):
    tally = Tally()
    items = list(Collector().collect([str(folder)]))
    for item in items:
        tally.expect(item)
    service = Service(
        address=Address(peer.host, peer.port, AETitle("PEER"), AETitle("US")),
        options=OPTIONS,
        retries=retries,
        payloads=Payloads(),
        tally=tally,
        stop=stop or Stop(),
        talk=Talk(Quiet(None)),
        clock=SystemClock(),
        journal=journal,
    )
    await send_all(plan(items), service, associations=associations)
    assert tally.finished == len(items)
    assert tally.bytes_settled == tally.bytes_in_all
    assert tally.bytes_open == 0
    return tally


def times_stored(peer):
    return Counter(stored.sop_instance_uid for stored in peer.stored)


async def test_everything_is_sent_once_over_several_associations(files):
    async with ScriptedPeer().listening() as peer:
        tally = await send(peer, files, associations=3)

    assert tally.is_all_well
    assert len(peer.requests) == 3
    assert peer.releases == 3
    assert set(times_stored(peer).values()) == {1}


async def test_a_lost_association_costs_one_instance_one_attempt(files):
    def on_store(stored):
        if stored.number == 4:
            raise HangUp
        return 0

    async with ScriptedPeer(on_store=on_store).listening() as peer:
        tally = await send(peer, files)

    assert (tally.sent, tally.retries) == (10, 1)
    assert sorted(times_stored(peer).values()) == [1] * 9 + [2]


async def test_an_instance_that_no_peer_can_stand_fails_alone(files):
    poison = instance(seed=3, pixel_bytes=2).sop_instance_uid

    def on_store(stored):
        if stored.sop_instance_uid == poison:
            raise Abort
        return 0

    async with ScriptedPeer(on_store=on_store).listening() as peer:
        tally = await send(peer, files, retries=0)

    assert tally.sent == 9
    (failure,) = tally.failures
    assert failure.sop_instance_uid == poison
    assert "aborted by its user" in failure.reason


async def test_a_peer_that_is_full_for_a_moment_gets_it_later(files):
    async with ScriptedPeer(on_store=lambda it: 0xA700 if it.number < 3 else 0).listening() as peer:
        tally = await send(peer, files)

    assert tally.is_all_well
    assert (tally.sent, tally.retries) == (10, 3)


async def test_a_peer_that_stays_full_is_believed_after_the_retries(files):
    async with ScriptedPeer(on_store=lambda _: 0xA700).listening() as peer:
        tally = await send(peer, files, retries=2)

    assert set(times_stored(peer).values()) == {3}
    assert tally.statuses == {0xA700: 10}
    assert {failure.status for failure in tally.failures} == {0xA700}


async def test_a_refusal_is_final(files):
    async with ScriptedPeer(on_store=lambda _: 0xC000).listening() as peer:
        tally = await send(peer, files)

    assert len(peer.stored) == 10
    assert tally.statuses == {0xC000: 10}


async def test_a_warning_counts_as_sent(files):
    async with ScriptedPeer(on_store=lambda _: 0xB000).listening() as peer:
        tally = await send(peer, files)

    assert tally.is_all_well
    assert tally.statuses == {0xB000: 10}


async def test_what_the_peer_does_not_take_is_named_and_the_rest_is_sent(files):
    write_part10(files / "a", instance(seed=20, sop_class=MR, pixel_bytes=2))
    write_part10(files / "b", instance(seed=21, syntax=IMPLICIT_VR_LITTLE_ENDIAN, pixel_bytes=2))
    peer = ScriptedPeer(
        policy=Policy(abstract_syntaxes={CT}, transfer_syntaxes={"1.2.840.10008.1.2.1"})
    )
    async with peer.listening():
        tally = await send(peer, files)

    assert tally.sent == 10
    mr, implicit = (failure.reason for failure in tally.failures)
    assert (
        "refused MR Image Storage in Explicit VR Little Endian: it does not support the SOP" in mr
    )
    assert "refused CT Image Storage in Implicit VR Little Endian" in implicit
    assert "it does not support the transfer syntax (PS3.8 Table 9-18, 4)" in implicit


async def test_a_permanent_rejection_ends_the_run_at_once(files):
    no = AssociateReject(RejectResult.PERMANENT, UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED)
    async with ScriptedPeer(reject=lambda _: no).listening() as peer:
        tally = await send(peer, files, retries=5)

    assert len(peer.requests) == 1
    assert len(tally.failures) == 10
    assert "Register 'US' and this host there" in tally.failures[0].reason


async def test_a_busy_peer_is_asked_again(files):
    busy = AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED)
    answers = iter([busy, busy])
    async with ScriptedPeer(reject=lambda _: next(answers, None)).listening() as peer:
        tally = await send(peer, files, retries=2)

    assert tally.is_all_well
    assert len(peer.requests) == 3


async def test_one_association_that_is_not_granted_leaves_the_work_to_the_other(files):
    busy = AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED)
    peer = ScriptedPeer()
    peer.reject = lambda _: busy if len(peer.requests) > 1 else None
    async with peer.listening():
        tally = await send(peer, files, associations=2, retries=0)

    assert tally.is_all_well


async def test_a_peer_that_is_not_there_is_tried_so_often_and_everything_is_accounted_for(files):
    async with ScriptedPeer().listening() as peer:
        pass
    tally = await send(peer, files, retries=2)

    assert len(tally.failures) == 10
    assert "not sent: PEER" in tally.failures[0].reason
    assert "nothing listens there" in tally.failures[0].reason


async def test_a_file_that_vanishes_before_its_turn_costs_no_association(files):
    def on_store(stored):
        if stored.number == 0:
            (files / "5.dcm").unlink()
        return 0

    async with ScriptedPeer(on_store=on_store).listening() as peer:
        tally = await send(peer, files)

    assert tally.sent == 9
    assert tally.unreadable == 1
    assert "No such file" in tally.bad_files[0].reason
    assert len(peer.requests) == 1


async def test_stopping_finishes_what_is_on_the_way_and_names_the_rest(files):
    stop = Stop()

    def on_store(stored):
        if stored.number == 2:
            stop.because("interrupted")
        return 0

    async with ScriptedPeer(on_store=on_store).listening() as peer:
        tally = await send(peer, files, stop=stop)

    assert (tally.sent, len(tally.failures)) == (3, 7)
    assert tally.failures[0].reason == "not sent: interrupted"
    assert peer.releases == 1


async def test_cancelling_leaves_nothing_out_of_the_tally(files):
    peer = ScriptedPeer()
    task = None

    def on_store(stored):
        if stored.number == 2:
            task.cancel()
        return 0

    peer.on_store = on_store
    tally, items = Tally(), list(Collector().collect([str(files)]))
    async with peer.listening():
        service = Service(
            address=Address(peer.host, peer.port, AETitle("PEER"), AETitle("US")),
            options=OPTIONS, retries=2, payloads=Payloads(), tally=tally, stop=Stop(),
            talk=Talk(Quiet(None)), clock=SystemClock(),
        )  # fmt: skip
        task = asyncio.create_task(send_all(plan(items), service, associations=1))
        with pytest.raises(asyncio.CancelledError):
            await task

    assert tally.finished == 10
    assert tally.sent in (2, 3)


async def test_only_what_was_answered_is_in_the_journal(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "j"
    async with ScriptedPeer(on_store=lambda it: 0 if it.number < 6 else 0xC000).listening() as peer:
        with Journal.open(path, peer="PEER") as journal:
            await send(peer, files, journal=journal)

    confirmed = {stored.sop_instance_uid for stored in peer.stored[:6]}
    with Journal.open(path, peer="PEER") as journal:
        known = {
            item.sop_instance_uid for item in Collector().collect([str(files)]) if item in journal
        }
    assert known == confirmed


async def test_a_journal_that_cannot_be_written_stops_the_run(files, tmp_path_factory, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    async with ScriptedPeer().listening() as peer:
        path = tmp_path_factory.mktemp("journal") / "j"
        with Journal.open(path, peer="PEER") as journal:
            monkeypatch.setattr(journal, "confirm", full)
            tally = await send(peer, files, journal=journal)

    assert tally.sent == 1
    assert "the journal cannot be written: No space left" in tally.failures[0].reason


@pytest.mark.parametrize("failures", range(1, 12))
async def test_back_off_doubles_up_to_half_a_minute(failures, monkeypatch):
    monkeypatch.undo()

    assert work.back_off_seconds(failures) == min(0.5 * 2 ** (failures - 1), 30.0)
