import ssl
import warnings

import pytest
from destination_rigs import DimseRig
from tls_files import make_tls_files

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.endings import loss_of
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, associate
from hilum.destinations.dimse.tls import client_context
from hilum.dimse.upper.items import PresentationContext
from hilum.kernel.errors import HilumError, Misconfigured, Rejected, Unreachable
from hilum.kernel.names import AETitle
from hilum.kernel.outcome import Delivered, Failing
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN, instance
from hilum.testing.peer import ScriptedPeer

CONTEXTS = [VERIFICATION_CONTEXT, PresentationContext(3, CT, (EXPLICIT_VR_LITTLE_ENDIAN,))]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return make_tls_files(tmp_path_factory.mktemp("tls"), "hospital")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return make_tls_files(tmp_path_factory.mktemp("tls"), "stranger")


async def echo(peer, tls):
    options = RequestorOptions(connect_timeout_seconds=5, association_timeout_seconds=5, tls=tls)
    address = Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))
    requestor = await associate(address, CONTEXTS, options)
    try:
        return await requestor.echo()
    finally:
        await requestor.release()


@pytest.mark.asyncio
async def test_a_peer_that_our_authority_vouches_for_is_talked_to(hospital):
    async with ScriptedPeer().listening(hospital.server()) as peer:
        assert await echo(peer, client_context(ca=hospital.ca)) == 0


@pytest.mark.asyncio
async def test_a_large_instance_passes_through_tls_unchanged(hospital):
    generated = instance(seed=1, pixel_bytes=4 << 20)
    async with ScriptedPeer().listening(hospital.server()) as peer:
        address = Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))
        options = RequestorOptions(tls=client_context(ca=hospital.ca))
        requestor = await associate(address, CONTEXTS, options)
        view = memoryview(generated.data_set)
        chunks = [view[at : at + (1 << 20)] for at in range(0, len(view), 1 << 20)]
        response = await requestor.store(
            3, 1, generated.sop_class_uid, generated.sop_instance_uid, chunks
        )
        await requestor.release()

    assert response.status == 0
    assert peer.stored[0].size == len(generated.data_set)


@pytest.mark.asyncio
async def test_a_peer_of_another_authority_is_not_talked_to(hospital, stranger):
    async with ScriptedPeer().listening(stranger.server()) as peer:
        with pytest.raises(Rejected, match="we do not trust its certificate"):
            await echo(peer, client_context(ca=hospital.ca))


@pytest.mark.asyncio
async def test_an_expired_certificate_is_named_as_such(tmp_path):
    expired = make_tls_files(tmp_path, "expired", days=-1)
    async with ScriptedPeer().listening(expired.server()) as peer:
        with pytest.raises(Rejected, match="expired") as refused:
            await echo(peer, client_context(ca=expired.ca))

    assert "authority" not in str(refused.value)  # a new certificate helps, no other authority


def test_that_our_own_certificate_has_run_out_is_said():
    address = Address("10.1.2.9", 2762, AETitle("PACS"), AETitle("HILUM"))
    error = ssl.SSLError()
    error.reason = "SSLV3_ALERT_CERTIFICATE_EXPIRED"

    lost = loss_of(address, error, is_opening=True, is_secure=True)

    assert "our certificate has run out" in str(lost)
    assert "want a certificate" not in str(lost)


@pytest.mark.asyncio
async def test_mutual_tls_presents_our_certificate(hospital, stranger):
    server = hospital.server(client_ca=stranger.ca)
    async with ScriptedPeer().listening(server) as peer:
        tls = client_context(ca=hospital.ca, certificate=stranger.certificate, key=stranger.key)

        assert await echo(peer, tls) == 0


@pytest.mark.asyncio
async def test_a_peer_that_wants_our_certificate_says_so(hospital, stranger):
    server = hospital.server(client_ca=stranger.ca)
    async with ScriptedPeer().listening(server) as peer:
        with pytest.raises((Rejected, Unreachable), match="want a certificate from us"):
            await echo(peer, client_context(ca=hospital.ca))


@pytest.mark.asyncio
async def test_tls_1_1_is_too_old(hospital):
    server = hospital.server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    async with ScriptedPeer().listening(server) as peer:
        with pytest.raises((Rejected, Unreachable), match=r"TLS 1\.2 or newer"):
            await echo(peer, client_context(ca=hospital.ca))


@pytest.mark.asyncio
async def test_a_port_without_tls_is_asked_about(hospital):
    async with ScriptedPeer().listening() as peer:
        with pytest.raises((Rejected, Unreachable), match="TLS"):
            await echo(peer, client_context(ca=hospital.ca))


@pytest.mark.asyncio
async def test_a_tls_port_without_tls_from_us_is_asked_about(hospital):
    async with ScriptedPeer().listening(hospital.server()) as peer:
        with pytest.raises(HilumError, match=r"TLS|broke the protocol"):
            await echo(peer, None)


def test_without_an_authority_of_our_own_host_names_must_match():
    assert client_context().check_hostname
    assert client_context().verify_mode is ssl.CERT_REQUIRED


def test_with_an_authority_of_our_own_certificates_are_still_verified(hospital):
    context = client_context(ca=hospital.ca)

    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_cannot_be_used_are_named(hospital, stranger, tmp_path):
    (tmp_path / "no.pem").write_text("hello")

    with pytest.raises(Misconfigured, match=r"no\.pem cannot be used"):
        client_context(ca=tmp_path / "no.pem")
    with pytest.raises(Misconfigured, match="No such file"):
        client_context(ca=tmp_path / "missing.pem")
    with pytest.raises(Misconfigured, match=r"belong together"):
        client_context(certificate=hospital.certificate, key=stranger.key)
    with pytest.raises(Misconfigured, match="needs the certificate"):
        client_context(key=stranger.key)


@pytest.mark.asyncio
async def test_a_session_sends_over_tls_with_one_buffer_for_all(hospital):
    rig = DimseRig()
    parcels = [rig.parcel(seed, pixel_bytes=3 << 20) for seed in range(4)]
    options = RequestorOptions(
        tls=client_context(ca=hospital.ca, certificate=hospital.certificate, key=hospital.key)
    )
    async with rig.peer.listening(hospital.server(client_ca=hospital.ca)) as peer:
        address = Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))
        session = DimseDestination("pacs", address, options, rig.payloads).session()
        outcomes = [outcome async for _, outcome in session.deliver(parcels)]
        await session.aclose()

    assert outcomes == [Delivered()] * 4
    assert rig.arrived() == [(p.sop_instance_uid, rig.digest(p)) for p in parcels]


@pytest.mark.asyncio
async def test_a_certificate_nobody_vouches_for_is_unwelcome_and_costs_one_attempt(
    hospital, stranger
):
    rig = DimseRig()
    options = RequestorOptions(tls=client_context(ca=stranger.ca))
    async with rig.peer.listening(hospital.server()) as peer:
        address = Address(peer.host, peer.port, AETitle("PEER"), AETitle("US"))
        session = DimseDestination("pacs", address, options, rig.payloads).session()
        outcomes = [outcome async for _, outcome in session.deliver(rig.parcels(2))]
        await session.aclose()

    assert [outcome.failing for outcome in outcomes] == [Failing.UNWELCOME, Failing.UNTRIED]
    assert "we do not trust its certificate" in outcomes[0].reason
