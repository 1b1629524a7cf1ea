"""What is particular to DIMSE; what every destination promises is in the compliance suite."""

import asyncio
import hashlib
from dataclasses import replace

import pytest
from destination_rigs import HASTY_SECONDS, DimseRig, Reaction

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.manner import Manner
from hilum.destinations.dimse.options import RequestorOptions
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.status import SUCCESS
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import (
    AcseReason,
    PresentationReason,
    RejectResult,
    UserReason,
)
from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID, AETitle
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.testing.datasets import (
    CT,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MR,
    instance,
)
from hilum.testing.peer import Abort, HangUp, Silence

pytestmark = pytest.mark.asyncio

JPEG = UID("1.2.840.10008.1.2.4.50")
MIB = 1024 * 1024


async def deliver(session, parcels):
    async with asyncio.timeout(20):
        given = {id(parcel): outcome async for parcel, outcome in session.deliver(parcels)}
    return [given[id(parcel)] for parcel in parcels]


async def once(rig, parcels):
    """Deliver over one session, and end it."""
    async with rig.running(None) as destination:
        session = destination.session()
        outcomes = await deliver(session, parcels)
        await session.aclose()
    return outcomes


# One association for many batches.


async def test_batches_share_an_association_and_it_is_released_in_order():
    rig = DimseRig()
    async with rig.running(None) as destination:
        session = destination.session()
        for first in (0, 2, 4):
            await deliver(session, rig.parcels(2, first=first))
        await session.aclose()

    assert len(rig.peer.requests) == 1
    assert rig.peer.releases == 1


async def test_an_association_that_nobody_needs_is_released_after_a_while():
    rig = DimseRig()
    rig.manner = Manner(keep_open_seconds=0.02)
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, rig.parcels(1))
        async with asyncio.timeout(5):
            while rig.connections():  # noqa: ASYNC110 - the peer has no event for it
                await asyncio.sleep(0.005)

        assert rig.peer.releases == 1
        assert await deliver(session, rig.parcels(1, first=1)) == [Delivered()]
        await session.aclose()


async def test_a_missing_context_needs_a_new_association_which_has_the_old_ones_too():
    rig = DimseRig()
    ct, mr = rig.parcel(1, sop_class=CT), rig.parcel(2, sop_class=MR)
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, [ct])
        await deliver(session, [mr, ct])
        await deliver(session, [ct, mr])
        await session.aclose()

    first, second = rig.peer.requests
    proposed = [{c.abstract_syntax for c in request.contexts} for request in (first, second)]
    assert proposed == [{VERIFICATION, CT}, {VERIFICATION, CT, MR}]


async def test_more_kinds_than_one_association_holds_take_several():
    rig = DimseRig()
    rig.peer.policy = Policy(abstract_syntaxes=frozenset(), accept_unknown_storage=True)
    parcels = rig.parcels(70)
    for number, parcel in enumerate(parcels):
        parcel.sop_class_uid = UID(f"1.2.3.{number}")

    outcomes = await once(rig, parcels)

    assert outcomes == [Delivered()] * 70
    assert len(rig.peer.requests) == 2


@pytest.mark.parametrize("order", [HangUp(), Abort()])
async def test_an_association_that_ended_while_idle_costs_no_attempt(order):
    rig = DimseRig()
    orders = {1: order}

    def on_store(stored):
        if stored.number in orders:
            raise orders.pop(stored.number)
        return SUCCESS

    rig.peer.on_store = on_store
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, rig.parcels(1))
        outcomes = await deliver(session, rig.parcels(3, first=1))
        await session.aclose()

    assert outcomes == [Delivered()] * 3
    assert len(rig.peer.requests) == 2


async def test_a_peer_that_always_hangs_up_is_not_asked_for_ever():
    rig = DimseRig()
    rig.reactions = dict.fromkeys(range(1, 9), Reaction.LOSE)
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, rig.parcels(1))
        outcomes = await deliver(session, rig.parcels(2, first=1))
        await session.aclose()

    assert [outcome.failing for outcome in outcomes] == [Failing.UNREACHABLE, Failing.UNTRIED]
    assert len(rig.peer.requests) == 2


async def test_a_loss_leaves_none_out_that_waited_for_another_association():
    rig = DimseRig()
    rig.reactions[2] = Reaction.LOSE
    ct = [rig.parcel(seed, sop_class=CT) for seed in range(4)]
    mr = rig.parcel(9, sop_class=MR)
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, ct[:1])
        outcomes = await deliver(session, [mr, *ct[1:]])
        await session.aclose()

    failings = [getattr(outcome, "failing", None) for outcome in outcomes]
    assert failings == [Failing.UNTRIED, None, Failing.UNREACHABLE, Failing.UNTRIED]


async def test_an_association_idle_for_long_is_asked_before_an_instance_is_risked():
    rig = DimseRig()
    rig.manner = Manner(echo_after_seconds=0, echo_seconds=HASTY_SECONDS)
    silences = [Silence()]

    def on_echo():
        if silences:
            raise silences.pop()

    rig.peer.on_echo = on_echo
    async with rig.running(None) as destination:
        session = destination.session()
        for first in range(3):
            assert await deliver(session, rig.parcels(1, first=first)) == [Delivered()]
        await session.aclose()

    assert silences == []
    assert len(rig.peer.requests) == 2


# What the peer says.


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (0x0000, Delivered, ""),
        (0xB000, Delivered, "Coercion"),
        (0xB006, Delivered, "Element"),
        (0xB007, Delivered, "Data Set"),
        (0xA700, Deferred, "Out of Resources"),
        (0x0110, Deferred, "Processing failure"),
        (0x0213, Deferred, "Resource limitation"),
        (0xA900, Refused, "SOP Class"),
        (0xC001, Refused, "understand"),
        (0x0122, Refused, "not supported"),
        (0x0124, Refused, "Not Authorised"),
        (0x0117, Refused, "nvalid"),
        (0xDEAD, Refused, "not listed"),
    ],
)
async def test_each_status_becomes_an_outcome_that_says_who_said_it(status, kind, said):
    rig = DimseRig()
    rig.peer.on_store = lambda _: status

    (outcome,) = await once(rig, rig.parcels(1))

    assert isinstance(outcome, kind)
    reason = outcome.remark if isinstance(outcome, Delivered) else outcome.reason
    if status:
        assert reason.startswith(f"PEER (127.0.0.1:{rig.peer.port}) answered: ")
        assert said.lower() in reason.lower()
        assert f"0x{status:04X}" in reason


@pytest.mark.parametrize(
    ("wish", "attempts", "kind"),
    [
        ("refuse", 3, Refused),
        ("retried", 0, Refused),
        ("retried", 1, Delivered),
        ("accept", 0, Delivered),
    ],
)
async def test_already_there_is_a_delivery_when_our_first_try_may_have_arrived(
    wish, attempts, kind
):
    rig = DimseRig()
    rig.manner = Manner(already_there=wish)
    rig.peer.on_store = lambda _: 0x0111
    parcel = rig.parcel(1)
    parcel.attempts = attempts

    (outcome,) = await once(rig, [parcel])

    assert isinstance(outcome, kind)


TRANSIENT, PERMANENT = RejectResult.TRANSIENT, RejectResult.PERMANENT


@pytest.mark.parametrize(
    ("result", "reason", "failing", "said"),
    [
        (TRANSIENT, PresentationReason.TEMPORARY_CONGESTION, Failing.BUSY, "Try again later"),
        (TRANSIENT, UserReason.NO_REASON_GIVEN, Failing.BUSY, "transient"),
        (PERMANENT, PresentationReason.LOCAL_LIMIT_EXCEEDED, Failing.BUSY, "fewer associations"),
        (
            PERMANENT,
            UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED,
            Failing.UNWELCOME,
            "Is 'PEER' the AE title of the peer",
        ),
        (
            PERMANENT,
            UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED,
            Failing.UNWELCOME,
            "Register 'US'",
        ),
        (PERMANENT, AcseReason.NO_REASON_GIVEN, Failing.UNWELCOME, "user identity"),
    ],
)
async def test_a_rejected_association_says_what_to_change(result, reason, failing, said):
    rig = DimseRig()
    rig.peer.reject = lambda _: AssociateReject(result, reason)

    outcomes = await once(rig, rig.parcels(3))

    assert [outcome.failing for outcome in outcomes] == [
        failing,
        Failing.UNTRIED,
        Failing.UNTRIED,
    ]
    assert all(said in outcome.reason for outcome in outcomes)


async def test_refusing_one_class_does_not_hinder_the_others():
    rig = DimseRig()
    rig.peer.policy = Policy(abstract_syntaxes=frozenset({MR, VERIFICATION}))
    ct, mr = rig.parcel(1, sop_class=CT), rig.parcel(2, sop_class=MR)

    outcomes = await once(rig, [ct, mr])

    assert isinstance(outcomes[0], Refused)
    assert "does not take CT Image Storage" in outcomes[0].reason
    assert "it does not support the SOP class" in outcomes[0].reason
    assert outcomes[1] == Delivered()


async def test_what_answers_nonsense_is_confused():
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    rig = DimseRig()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        rig.peer.port = server.sockets[0].getsockname()[1]
        outcomes = await deliver(rig.destination().session(), rig.parcels(2))

    assert [outcome.failing for outcome in outcomes] == [Failing.CONFUSED, Failing.UNTRIED]


# Transfer syntaxes.


async def test_uncompressed_is_converted_on_the_way_when_the_peer_takes_another_syntax():
    rig = DimseRig()
    rig.peer.policy = replace(
        rig.peer.policy, transfer_syntaxes=frozenset({IMPLICIT_VR_LITTLE_ENDIAN})
    )
    parcels = rig.parcels(3, pixel_bytes=1_500_000)

    outcomes = await once(rig, parcels)

    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert outcomes[0].remark == (
        "sent in Implicit VR Little Endian, stored in Explicit VR Little Endian"
    )
    expected = [
        hashlib.sha256(
            instance(seed=seed, pixel_bytes=1_500_000, syntax=IMPLICIT_VR_LITTLE_ENDIAN).data_set
        ).hexdigest()
        for seed in range(3)
    ]
    assert [stored.sha256 for stored in rig.peer.stored] == expected


async def test_a_preferred_syntax_is_used_although_the_stored_one_is_taken():
    rig = DimseRig()
    rig.manner = Manner(prefer=IMPLICIT_VR_LITTLE_ENDIAN)

    await once(rig, rig.parcels(1))

    assert rig.peer.stored[0].transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN


async def test_compressed_that_is_not_taken_is_refused_by_names():
    rig = DimseRig()
    rig.peer.policy = replace(
        rig.peer.policy, transfer_syntaxes=frozenset({EXPLICIT_VR_LITTLE_ENDIAN})
    )
    parcel = rig.parcel(1)
    parcel.transfer_syntax_uid = JPEG

    (outcome,) = await once(rig, [parcel])

    assert isinstance(outcome, Refused)
    assert "CT Image Storage in JPEG Baseline (Process 1)" in outcome.reason
    assert outcome.reason.endswith("it takes Explicit VR Little Endian")
    assert rig.peer.stored == []


async def test_what_the_settings_do_not_allow_is_refused_and_they_are_named():
    rig = DimseRig()
    rig.manner = Manner(transfer_syntaxes=frozenset({EXPLICIT_VR_LITTLE_ENDIAN}))
    parcel = rig.parcel(1)
    parcel.transfer_syntax_uid = JPEG

    (outcome,) = await once(rig, [parcel])

    assert "transfer_syntaxes do not name it" in outcome.reason


async def test_what_cannot_be_converted_is_refused_and_never_sent_half():
    rig = DimseRig()
    rig.peer.policy = replace(
        rig.peer.policy, transfer_syntaxes=frozenset({IMPLICIT_VR_LITTLE_ENDIAN})
    )
    ill, well = rig.parcels(2)
    rig.payloads.put(ill.path, instance(seed=0).data_set[:-10])

    outcomes = await once(rig, [ill, well])

    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].reason.startswith("our payload cannot be put into another syntax")
    assert isinstance(outcomes[1], Delivered)
    assert [stored.sop_instance_uid for stored in rig.peer.stored] == [well.sop_instance_uid]


# Losses in the middle.


async def test_a_peer_that_stops_reading_in_the_middle_costs_the_deadline():
    rig = DimseRig()
    rig.answer_seconds = HASTY_SECONDS
    rig.peer.reads_bytes_max = 100_000
    large = rig.parcel(1, large=64 * MIB)

    outcomes = await once(rig, [large, rig.parcel(2)])

    assert [outcome.failing for outcome in outcomes] == [Failing.UNREACHABLE, Failing.UNTRIED]
    assert f"took no byte for {HASTY_SECONDS:g} s" in outcomes[0].reason


async def test_many_payloads_of_ours_that_are_damaged_cost_no_association():
    rig = DimseRig()
    parcels = rig.parcels(20)
    for parcel in parcels[:19]:
        rig.payloads.damage(parcel.path)

    outcomes = await once(rig, parcels)

    assert [type(outcome) for outcome in outcomes] == [Refused] * 19 + [Delivered]
    assert len(rig.peer.requests) == 1


async def test_verification_offers_what_was_sent_lately():
    rig = DimseRig()
    async with rig.running(None) as destination:
        session = destination.session()
        await deliver(session, rig.parcels(1))
        await destination.verify()
        await session.aclose()

    probe = rig.peer.requests[-1]
    assert {context.abstract_syntax for context in probe.contexts} == {VERIFICATION, CT}


async def test_verification_passes_on_what_the_peer_answers():
    rig = DimseRig()
    rig.peer.reject = lambda _: AssociateReject(PERMANENT, UserReason.NO_REASON_GIVEN)
    async with rig.running(None) as destination:
        with pytest.raises(Rejected, match="Does it know 'US'"):
            await destination.verify()


async def test_our_names_and_identity_are_in_the_request():
    rig = DimseRig()
    async with rig.running(None):
        address = Address(rig.peer.host, rig.peer.port, AETitle("PACS"), AETitle("GATE"))
        destination = DimseDestination("pacs", address, RequestorOptions(), rig.payloads)
        await destination.verify()

    (request,) = rig.peer.requests
    assert (request.called_ae_title, request.calling_ae_title) == ("PACS", "GATE")
