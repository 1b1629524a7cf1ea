import asyncio
import hashlib
import time
from dataclasses import replace

import pytest

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, associate
from hilum.dimse.status import OUT_OF_RESOURCES, SUCCESS
from hilum.dimse.upper.items import PresentationContext
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import RejectResult, UserReason
from hilum.kernel.errors import LocalProtocolError, Rejected, RemoteProtocolError, Unreachable
from hilum.kernel.names import UID, AETitle
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN, MR, instance
from hilum.testing.peer import Abort, HangUp, ScriptedPeer, Silence

pytestmark = pytest.mark.asyncio

OPTIONS = RequestorOptions(
    connect_timeout_seconds=5,
    association_timeout_seconds=5,
    response_timeout_seconds=5,
    release_timeout_seconds=5,
)
HASTY = replace(
    OPTIONS,
    association_timeout_seconds=0.05,
    response_timeout_seconds=0.05,
    release_timeout_seconds=0.05,
)
CONTEXTS = [PresentationContext(3, CT, (EXPLICIT_VR_LITTLE_ENDIAN,)), VERIFICATION_CONTEXT]


def address_of(peer: ScriptedPeer) -> Address:
    return Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))


async def store(requestor, generated, chunks=None, message_id=1):
    return await requestor.store(
        3,
        message_id,
        generated.sop_class_uid,
        generated.sop_instance_uid,
        [generated.data_set] if chunks is None else chunks,
    )


async def test_echo_and_store_on_one_association_then_release():
    generated = instance(seed=1)
    async with ScriptedPeer().listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        status = await requestor.echo()
        response = await store(requestor, generated, message_id=2)
        await requestor.release()

    assert status == SUCCESS
    assert response.status == SUCCESS
    assert response.affected_sop_instance_uid == generated.sop_instance_uid
    assert [each.sha256 for each in peer.stored] == [hashlib.sha256(generated.data_set).hexdigest()]
    assert peer.releases == 1
    assert not requestor.is_open


async def test_the_request_names_both_sides_and_our_implementation():
    async with ScriptedPeer().listening() as peer:
        await (await associate(address_of(peer), CONTEXTS, OPTIONS)).release()

    (request,) = peer.requests
    assert (request.called_ae_title, request.calling_ae_title) == ("PEER", "US")
    assert request.user_information.implementation_version_name.startswith("HILUM")
    assert request.user_information.maximum_length == OPTIONS.maximum_pdu_length


@pytest.mark.parametrize("maximum", [0, 16, 4096, 16384, 10_000_001])
@pytest.mark.parametrize("cut", [1, 7, 1000, 10**6])
async def test_any_chunks_arrive_whole_in_pdus_of_any_size(maximum, cut):
    generated = instance(seed=2, pixel_bytes=20_000)
    data = generated.data_set
    chunks = [data[at : at + cut] for at in range(0, min(len(data), 2000 * cut), cut)]
    peer = ScriptedPeer()
    peer.policy = replace(peer.policy, maximum_length=maximum)
    async with peer.listening():
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        await store(requestor, generated, iter(chunks))
        await requestor.release()

    sent = b"".join(chunks)
    assert peer.stored[0].sha256 == hashlib.sha256(sent + b"\0" * (len(sent) % 2)).hexdigest()


async def test_chunks_may_come_from_an_async_iterator_and_be_any_buffer():
    async def chunks():
        yield bytearray(b"ab")
        await asyncio.sleep(0)
        yield memoryview(b"cd")
        yield b""

    async with ScriptedPeer().listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        await store(requestor, instance(seed=1), chunks())
        await requestor.release()

    assert peer.stored[0].sha256 == hashlib.sha256(b"abcd").hexdigest()


async def test_a_failing_status_is_a_response_and_the_association_goes_on():
    statuses = iter([OUT_OF_RESOURCES, SUCCESS])
    async with ScriptedPeer(on_store=lambda _: next(statuses)).listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        first = await store(requestor, instance(seed=1))
        second = await store(requestor, instance(seed=1), message_id=2)
        await requestor.release()

    assert (first.status, second.status) == (OUT_OF_RESOURCES, SUCCESS)


async def test_a_rejection_says_who_refused_and_what_to_change():
    no = AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED)
    async with ScriptedPeer(reject=lambda _: no).listening() as peer:
        with pytest.raises(Rejected) as caught:
            await associate(address_of(peer), CONTEXTS, OPTIONS)

    assert f"PEER (127.0.0.1:{peer.port}) rejected our association" in str(caught.value)
    assert "1/7" in str(caught.value)


async def test_nobody_listening_is_unreachable():
    async with ScriptedPeer().listening() as peer:
        pass

    with pytest.raises(Unreachable, match="nothing listens there"):
        await associate(address_of(peer), CONTEXTS, OPTIONS)


async def test_a_name_that_does_not_resolve_is_unreachable():
    nowhere = Address("no-such-host.invalid", 104, AETitle("PEER"), AETitle("US"))

    with pytest.raises(Unreachable, match=r"'no-such-host\.invalid' cannot be resolved"):
        await associate(nowhere, CONTEXTS, OPTIONS)


async def test_a_peer_that_never_answers_costs_the_deadline_and_no_more():
    async with ScriptedPeer(is_mute=True).listening() as peer:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"did not answer our association request within"):
            await associate(address_of(peer), CONTEXTS, HASTY)

    assert time.monotonic() - started < 2


def raising(order):
    def on_store(_):
        raise order

    return on_store


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Silence(), "did not answer our request within"),
        (HangUp(), "closed the connection"),
        (Abort(), "aborted by its user"),
    ],
)
async def test_a_peer_that_ends_instead_of_answering_makes_the_store_unreachable(order, said):
    async with ScriptedPeer(on_store=raising(order)).listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, HASTY)
        with pytest.raises(Unreachable, match=said):
            await store(requestor, instance(seed=1))
        await requestor.release()

    assert not requestor.is_open


async def test_a_source_that_fails_in_the_middle_aborts_and_the_peer_keeps_nothing():
    def chunks():
        yield b"ab"
        yield b"cd"
        raise OSError("the disk is gone")

    async with ScriptedPeer().listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        with pytest.raises(OSError, match="the disk is gone"):
            await store(requestor, instance(seed=1), chunks())
        await requestor.release()

    assert peer.stored == []
    assert not requestor.is_open


async def test_what_was_cancelled_in_the_middle_leaves_no_usable_association():
    async def chunks():
        yield b"ab"
        yield b"cd"
        await asyncio.Event().wait()

    async with ScriptedPeer().listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        task = asyncio.create_task(store(requestor, instance(seed=1), chunks()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await requestor.release()

    assert not requestor.is_open
    assert peer.stored == []


async def test_two_operations_at_once_are_refused():
    async with ScriptedPeer(on_store=raising(Silence())).listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        task = asyncio.create_task(store(requestor, instance(seed=1)))
        await asyncio.sleep(0)
        with pytest.raises(LocalProtocolError, match="outstanding"):
            await requestor.echo()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await requestor.release()


async def test_a_refused_context_says_why():
    peer = ScriptedPeer(policy=Policy(abstract_syntaxes=frozenset({MR})))
    async with peer.listening():
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        await requestor.release()

    assert requestor.refusal(3) == "it does not support the SOP class (PS3.8 Table 9-18, 3)"
    with pytest.raises(LocalProtocolError, match="Verification"):
        await requestor.echo()


async def test_a_peer_whose_longest_pdu_holds_no_data_is_a_broken_one():
    peer = ScriptedPeer()
    peer.policy = replace(peer.policy, maximum_length=7)
    async with peer.listening():
        with pytest.raises(RemoteProtocolError, match="PDUs of at most 7 bytes"):
            await associate(address_of(peer), CONTEXTS, OPTIONS)


async def raw_server(answer: bytes):
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        await reader.read(100)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x04\0\0\0\0\x04\0\0\0\0", b"\x02\0\xff\xff\xff\xff"],
)
async def test_what_does_not_speak_dicom_is_a_protocol_error(answer):
    async with await raw_server(answer) as server:
        place = server.sockets[0].getsockname()
        address = Address("127.0.0.1", place[1], AETitle("PEER"), AETitle("US"))
        with pytest.raises(RemoteProtocolError, match="broke the protocol"):
            await associate(address, CONTEXTS, OPTIONS)


async def test_a_peer_that_closes_at_once_is_asked_about_its_allow_list():
    async def serve(_, writer):
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = Address(
            "127.0.0.1", server.sockets[0].getsockname()[1], AETitle("PEER"), AETitle("US")
        )
        with pytest.raises(Unreachable, match="Does it let this host in"):
            await associate(address, CONTEXTS, OPTIONS)


@pytest.mark.parametrize("cuts", [(11,), (3, 8), (1, 1, 9), (2, 9), (0, 11, 0)])
async def test_a_data_set_of_odd_length_gets_a_zero_byte_and_only_even_fragments(cuts):
    """DCMTK aborts on a fragment of odd length (PS3.8 §E.1)."""
    data = bytes(range(1, 12))
    starts = [sum(cuts[:number]) for number in range(len(cuts))]
    chunks = [data[start : start + size] for start, size in zip(starts, cuts, strict=True)]
    async with ScriptedPeer().listening() as peer:
        requestor = await associate(address_of(peer), CONTEXTS, OPTIONS)
        await requestor.store(3, 65535, CT, UID("1.2.3.4.5"), chunks)
        await requestor.release()

    (stored,) = peer.stored
    assert stored.sop_instance_uid == "1.2.3.4.5"
    assert stored.sha256 == hashlib.sha256(data + b"\0").hexdigest()
    assert stored.odd_fragments == 0
