"""What is said when there is no connection, and what TLS and proxies do, over real sockets."""

import asyncio
import contextlib

import pytest
from destination_rigs import DicomWebRig, InMemory
from pydantic import ValidationError
from tls_files import make_authority, make_tls_files

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.http.web_address import redirected, web_address
from hilum.kernel.errors import Misconfigured, Rejected, RemoteProtocolError, Unreachable
from hilum.kernel.outcome import Delivered, Failing
from hilum.service.clock import SystemClock
from hilum.testing.http_server import Reply, ScriptedServer
from hilum.testing.payloads import MemoryPayloads


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority = make_authority(folder, "hospital")
    server = make_tls_files(folder, "server", authority=authority)
    client = make_tls_files(folder, "client", authority=authority)
    return authority, server, client


class TlsRig(DicomWebRig):
    """The DICOMweb rig behind TLS."""

    def __init__(self, context, **settings):
        super().__init__()
        self.context = context
        self.more = settings

    @contextlib.asynccontextmanager
    async def running(self, folder):  # noqa: ARG002 - others need one
        async with self.server.listening(self.context):
            settings = DicomWebDestinationSettings(
                type="dicomweb", url=f"https://localhost:{self.server.port}/rs", **self.more
            )
            yield DicomWebDestination("cloud", settings, self.payloads, SystemClock())


async def outcomes_of(rig):
    async with rig.running(None) as destination:
        session = destination.session()
        outcomes = [outcome async for _, outcome in session.deliver(rig.parcels(2))]
        await session.aclose()
    return outcomes


async def verified(url, **settings):
    made = DicomWebDestinationSettings(type="dicomweb", url=url, **settings)
    await DicomWebDestination("cloud", made, MemoryPayloads(), SystemClock()).verify()


@pytest.mark.asyncio
async def test_both_sides_show_a_certificate(tls):
    authority, server, client = tls
    rig = TlsRig(
        server.server(client_ca=authority.certificate),
        ca=authority.certificate,
        certificate=client.certificate,
        key=client.key,
    )

    assert await outcomes_of(rig) == [Delivered()] * 2


@pytest.mark.asyncio
@pytest.mark.parametrize("is_trusted", [True, False])
async def test_instances_in_memory_pass_through_tls_to_whom_we_trust(tls, is_trusted):
    authority, server, _ = tls
    rig = TlsRig(server.server(), **({"ca": authority.certificate} if is_trusted else {}))
    async with rig.running(None) as destination:
        parcels = rig.parcels(2)
        for parcel in parcels:
            parcel.held = InMemory(rig.payloads, parcel.path)
        session = destination.session()
        outcomes = [outcome async for _, outcome in session.deliver(parcels)]
        await session.aclose()

    if is_trusted:
        assert outcomes == [Delivered()] * 2
    else:
        assert "do not trust its certificate" in outcomes[0].reason
        assert not rig.server.requests


@pytest.mark.asyncio
async def test_large_instances_pass_through_tls(tls):
    authority, server, _ = tls
    rig = TlsRig(server.server(), ca=authority.certificate)
    async with rig.running(None) as destination:
        session = destination.session()
        large = rig.parcel(1, large=20 << 20)
        assert [o async for _, o in session.deliver([large])] == [Delivered()]
        await session.aclose()

    assert rig.arrived() == [(large.sop_instance_uid, rig.digest(large))]


@pytest.mark.asyncio
async def test_a_server_that_nobody_we_trust_vouches_for_gets_nothing(tls):
    _, server, _ = tls
    rig = TlsRig(server.server())

    first, second = await outcomes_of(rig)

    assert first.failing is Failing.UNWELCOME
    assert "do not trust its certificate" in first.reason
    assert second.failing is Failing.UNTRIED
    assert not rig.server.requests


@pytest.mark.asyncio
async def test_a_server_that_wants_a_certificate_of_ours_says_no(tls):
    authority, server, _ = tls
    context = server.server(client_ca=authority.certificate)
    rig = TlsRig(context, ca=authority.certificate)

    first, _ = await outcomes_of(rig)

    # TLS 1.3 tells it after the handshake: what is seen depends on who is faster.
    assert first.failing in {Failing.UNWELCOME, Failing.UNREACHABLE}


@pytest.mark.asyncio
async def test_a_plain_server_is_no_tls_server():
    async with ScriptedServer().listening() as server:
        with pytest.raises((Rejected, Unreachable)) as caught:
            await verified(f"https://127.0.0.1:{server.port}", connect_timeout_seconds=0.2)

    assert "127.0.0.1" in str(caught.value)


@pytest.mark.asyncio
async def test_nobody_listens():
    async with ScriptedServer().listening() as server:
        pass
    with pytest.raises(Unreachable, match="nothing listens there; is the port right"):
        await verified(f"http://127.0.0.1:{server.port}")


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist(monkeypatch):
    async def unknown(*_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown, raising=False)
    with pytest.raises(Unreachable, match=r"'pacs\.example\.org' cannot be resolved"):
        await verified("http://pacs.example.org")


@pytest.mark.asyncio
async def test_what_answers_is_not_http():
    async def greet(_, writer):
        writer.write(b"\x02\x00\x00\x00not http at all\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(RemoteProtocolError, match="not HTTP"):
            await verified(f"http://127.0.0.1:{port}")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, Rejected, "Is auth right"),
        (403, Rejected, "who gives rights"),
        (404, Rejected, r"tried GET http\S+/rs/studies\?limit=1: 404 Not Found"),
        (301, Rejected, "is it http or https"),
        (400, Rejected, "of the kind that type says"),
        (503, Unreachable, "not able to work just now"),
        (500, Unreachable, "not able to work just now"),
    ],
)
async def test_verification_says_what_to_change(status, error, words):
    reply = Reply(status, {"Location": "https://localhost/"})
    async with ScriptedServer(on_request=lambda _: reply).listening() as server:
        with pytest.raises(error, match=words):
            await verified(f"http://127.0.0.1:{server.port}/rs")


@pytest.mark.asyncio
async def test_verification_can_ask_for_capabilities():
    async with ScriptedServer().listening() as server:
        await verified(f"http://127.0.0.1:{server.port}/rs", verify_with="options")
        (request,) = server.requests

    assert (request.method, request.target) == ("OPTIONS", "/rs/")


@pytest.mark.asyncio
async def test_a_proxy_is_used_when_it_is_set_and_only_then(monkeypatch):
    async with ScriptedServer().listening() as proxy, ScriptedServer().listening() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        await verified(f"http://127.0.0.1:{server.port}")
        assert not proxy.requests
        await verified(
            "http://pacs.example.org",
            proxy=f"http://127.0.0.1:{proxy.port}",
            proxy_user="us",
            proxy_password="secret",
            auth={"type": "bearer", "token": "t"},
        )
        (request,) = proxy.requests

    assert request.target == "http://pacs.example.org/studies?limit=1"
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["proxy-authorization"] == "Basic dXM6c2VjcmV0"


@pytest.mark.asyncio
async def test_a_token_does_not_reach_a_proxy_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login us password secret\n")
    async with ScriptedServer().listening() as server:
        await verified(f"http://127.0.0.1:{server.port}")

    assert "authorization" not in server.requests[0].headers


def test_files_that_are_no_certificates_are_a_mistake_in_the_configuration(tmp_path):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for setting in ("ca", "certificate"):
        settings = DicomWebDestinationSettings(
            type="dicomweb", url="https://pacs.example.org", **{setting: nonsense}
        )
        with pytest.raises(Misconfigured, match=r"nonsense\.pem"):
            DicomWebDestination("cloud", settings, MemoryPayloads(), SystemClock())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "pacs"}, "is no URL"),
        ({"url": "ftp://pacs.example.org"}, "is no URL"),
        ({"url": "https://localhost:p@pacs.example.org"}, "keys of their own"),
        ({"url": "https://pacs.example.org/?a=b"}, "query"),
        ({"url": "https://pacs.example.org:99999"}, "port"),
        ({"url": "https://pacs.example.org/a b"}, "escaped"),
        ({"url": "https://pacs.example.org", "key": "k.pem"}, "needs the certificate"),
        ({"url": "https://pacs.example.org", "proxy_user": "u"}, "need a proxy"),
        ({"url": "http://pacs.example.org", "ca": "ca.pem"}, "begins with https"),
    ],
)
def test_what_cannot_be_is_a_mistake_in_the_configuration(settings, words):
    with pytest.raises(ValidationError, match=words):
        DicomWebDestinationSettings(type="dicomweb", **settings)


def test_a_password_in_a_url_is_not_repeated():
    with pytest.raises(ValueError, match="user or a password") as caught:
        web_address("https://localhost:hidden@pacs.example.org")

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://pacs.example.org/b"),
        ("b", "https://pacs.example.org/b"),
        ("https://pacs.example.org:443/b", "https://pacs.example.org:443/b"),
        ("https://PACS.example.org/b", "https://PACS.example.org/b"),
        ("http://pacs.example.org/b", None),
        ("https://pacs.example.org:8443/b", None),
        ("//localhost/b", None),
        ("https://pacs.example.org@localhost/b", None),
        ("/b\r\nX: y", None),
    ],
)
def test_only_the_same_place_is_the_same_place(location, target):
    assert redirected("https://pacs.example.org/a", location) == target
