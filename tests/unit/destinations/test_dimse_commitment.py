"""Delivered only when committed: what the reports of an archive mean (PS3.4 Annex J)."""

import asyncio
from dataclasses import replace

import pytest
from commitment_reports import report_on
from destination_rigs import HASTY_SECONDS, DimseRig, Reaction

from hilum.destinations.dimse.manner import Manner
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dimse.service.commitment import STORAGE_COMMITMENT, read_report
from hilum.dimse.upper.negotiation import Policy
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused

pytestmark = pytest.mark.asyncio


def archive(on_commitment=report_on, *, seconds=5.0):
    rig = DimseRig()
    rig.manner = Manner(commitment_seconds=seconds)
    rig.peer.policy = Policy(
        abstract_syntaxes=frozenset({VERIFICATION, STORAGE_COMMITMENT, *STORAGE_SOP_CLASSES})
    )
    rig.peer.on_commitment = on_commitment
    return rig


async def deliver(session, parcels):
    async with asyncio.timeout(20):
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}
    return [given[id(parcel)] for parcel in parcels]


async def once(rig, parcels):
    async with rig.running(None) as destination:
        session = destination.session()
        outcomes = await deliver(session, parcels)
        await session.aclose()
        assert len(destination.commitments) == 0
    return outcomes


async def test_what_is_committed_is_delivered_and_the_report_is_answered():
    rig = archive()

    assert await once(rig, rig.parcels(5)) == [Delivered()] * 5
    assert rig.peer.event_answers == [0]
    assert len(rig.peer.requests) == 1


async def test_one_transaction_is_asked_for_a_batch_and_the_next_has_another():
    asked = []

    def on_commitment(data, syntax):
        asked.append(data)
        return report_on(data, syntax)

    rig = archive(on_commitment)
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, rig.parcels(3))
        await deliver(session, rig.parcels(3, first=3))
        await session.aclose()

    assert len(asked) == len(set(asked)) == 2


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(0x0110, Deferred), (0x0112, Deferred), (0x0213, Deferred), (0x0122, Refused)],
)
async def test_what_it_does_not_commit_to_is_not_delivered_and_the_reason_is_said(reason, kind):
    rig = archive()
    parcels = rig.parcels(3)
    failing = {parcels[1].sop_instance_uid: reason}
    rig.peer.on_commitment = lambda data, syntax: report_on(data, syntax, failing=failing)

    outcomes = await once(rig, parcels)

    assert outcomes[0] == outcomes[2] == Delivered()
    assert isinstance(outcomes[1], kind)
    assert f"0x{reason:04X}" in outcomes[1].reason


async def test_what_the_report_does_not_name_is_not_delivered():
    rig = archive()
    parcels = rig.parcels(2)
    silent = {parcels[0].sop_instance_uid}
    rig.peer.on_commitment = lambda data, syntax: report_on(data, syntax, silent=silent)

    first, second = await once(rig, parcels)

    assert first.failing is Failing.BUSY
    assert "does not name it" in first.reason
    assert second == Delivered()


async def test_no_report_in_time_is_no_delivery():
    rig = archive(lambda *_: None, seconds=HASTY_SECONDS)

    outcomes = await once(rig, rig.parcels(2))

    assert {outcome.failing for outcome in outcomes} == {Failing.BUSY}
    assert f"within {HASTY_SECONDS:g} s" in outcomes[0].reason


async def test_the_report_may_come_by_another_way():
    rig = archive()
    async with rig.running(None) as destination:

        def on_commitment(data, syntax):
            _, report = report_on(data, syntax)
            assert destination.commitments.report(read_report(report, syntax))

        rig.peer.on_commitment = on_commitment
        session = destination.session()
        outcomes = await deliver(session, rig.parcels(2))
        await session.aclose()

    assert outcomes == [Delivered()] * 2


async def test_a_report_that_nobody_waits_for_is_answered_so():
    rig = archive()
    other = archive()
    parcels = other.parcels(1)
    async with other.running(None) as elsewhere:
        kept = []
        other.peer.on_commitment = lambda data, syntax: kept.append(report_on(data, syntax))
        other.manner = replace(other.manner, commitment_seconds=HASTY_SECONDS)
        session = elsewhere.session()
        waiting = asyncio.create_task(deliver(session, parcels))
        async with asyncio.timeout(5):
            while not kept:  # noqa: ASYNC110 - the peer has no event for it
                await asyncio.sleep(0.001)
        rig.peer.on_commitment = lambda *_: kept[0]
        rig.manner = Manner(commitment_seconds=HASTY_SECONDS)
        (outcome,) = await once(rig, rig.parcels(1))
        waiting.cancel()
        await asyncio.wait({waiting})
        await session.aclose()

    assert isinstance(outcome, Deferred)
    assert rig.peer.event_answers == [0x0110]


async def test_a_peer_without_the_service_is_unwelcoming_and_gets_nothing():
    rig = archive()
    rig.peer.policy = Policy(abstract_syntaxes=frozenset({VERIFICATION, *STORAGE_SOP_CLASSES}))

    outcomes = await once(rig, rig.parcels(2))

    assert [outcome.failing for outcome in outcomes] == [Failing.UNWELCOME, Failing.UNTRIED]
    assert "does not offer us storage commitment" in outcomes[0].reason
    assert rig.peer.stored == []


async def test_what_was_refused_is_not_asked_for():
    rig = archive()
    rig.reactions[1] = Reaction.REFUSE
    seen = []

    def on_commitment(data, syntax):
        seen.append(data)
        return report_on(data, syntax)

    rig.peer.on_commitment = on_commitment
    parcels = rig.parcels(3)

    outcomes = await once(rig, parcels)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
    assert parcels[1].sop_instance_uid.encode() not in seen[0]


async def test_without_the_option_nobody_is_asked():
    rig = archive()
    rig.manner = Manner()

    assert await once(rig, rig.parcels(1)) == [Delivered()]
    assert all(c.abstract_syntax != STORAGE_COMMITMENT for c in rig.peer.requests[0].contexts)
