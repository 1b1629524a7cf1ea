"""HTTPS on real sockets: certificates of both sides, floods of handshakes, renewals."""

import asyncio
import contextlib
import ssl

import pytest
import uvloop
from access_rig import Heard
from tls_files import make_authority, make_tls_files

from hilum.service.web import Secure, WebServer, listen
from hilum.service.web_tls import WebTls
from hilum.sources.web.access.certificate import CERTIFICATE_STATE
from hilum.sources.web.access.events import HandshakeFailed
from hilum.sources.web.access.https import HttpsDoor
from hilum.sources.web.access.settings import WebTlsSettings

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("https")
    ca = make_authority(folder, "ca")
    return folder, ca, make_tls_files(folder, "gateway", authority=ca)


async def application(scope, receive, send):
    """Tell how the connection is secured."""
    del receive
    known = sorted(scope["state"][CERTIFICATE_STATE])
    names = " ".join(one for one in known if not one.startswith("SHA256="))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['scheme']} {names}".encode()})


def settings(files, **more):
    folder, _, gateway = files
    return WebTlsSettings(
        certificate=gateway.certificate, key=folder / "gateway.key", port=0, **more
    )


@contextlib.asynccontextmanager
async def served(chosen):
    heard = Heard()
    tls = WebTls(chosen, heard)
    tls.open()
    server = WebServer(application, [], secure=Secure(listen("127.0.0.1", 0), tls, heard))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        yield server.secure_port, tls, heard
        running.cancel()


def trusting(ca, certificate=None):
    context = ssl.create_default_context(cafile=ca.certificate)
    if certificate is not None:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context


async def ask(port, context):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    writer.write(ASK)
    try:
        return await reader.read()
    finally:
        writer.close()


def run(scenario, new_loop=uvloop.new_event_loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(scenario())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_it_answers_over_tls(files, new_loop):
    async def scenario():
        async with served(settings(files)) as (port, _, _heard):
            return await ask(port, trusting(files[1]))

    answer = run(scenario, new_loop)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\n\r\nhttps " in answer or answer.endswith(b"https \r\n0\r\n\r\n")


@pytest.mark.parametrize("new_loop", LOOPS)
def test_the_certificate_of_a_client_is_known_by_its_names(files, new_loop):
    folder, ca, _ = files
    client = make_tls_files(folder, "viewer", authority=ca)

    async def scenario():
        async with served(settings(files, client_ca=ca.certificate)) as (port, _, _heard):
            return await ask(port, trusting(ca, client))

    assert b"https CN=viewer DNS=localhost" in run(scenario, new_loop)


def test_without_a_certificate_a_client_is_refused_or_nobody_in_particular(files):
    ca = files[1]

    async def scenario(**more):
        async with served(settings(files, client_ca=ca.certificate, **more)) as (port, _, heard):
            try:
                return await ask(port, trusting(ca)), heard.events
            except (ssl.SSLError, ConnectionError):
                return b"", heard.events

    answer, events = run(scenario)
    failed = [event for event in events if isinstance(event, HandshakeFailed)]
    assert (answer, failed[0].cause) == (b"", "no_certificate")
    assert "sources.web.tls.client_ca" in failed[0].remedy
    answer, _ = run(lambda: scenario(require_client_certificate=False))
    assert b"https " in answer
    assert b"CN=" not in answer


def test_a_stranger_who_signs_himself_is_refused(files, tmp_path):
    ca = files[1]
    stranger = make_tls_files(tmp_path, "viewer", authority=make_authority(tmp_path, "other"))

    async def scenario():
        async with served(settings(files, client_ca=ca.certificate)) as (port, _, _heard):
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                return await ask(port, trusting(ca, stranger))
            return b""

    assert run(scenario) == b""


def test_old_versions_and_plain_http_are_refused_in_words(files):
    async def scenario():
        async with served(settings(files)) as (port, _, heard):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ASK)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            return [event for event in heard.events if isinstance(event, HandshakeFailed)]

    [told] = run(scenario)
    assert told.cause == "not_tls"


@pytest.mark.parametrize("new_loop", LOOPS)
def test_who_never_shakes_hands_is_not_waited_for(files, monkeypatch, new_loop):
    monkeypatch.setattr(HttpsDoor, "seconds_max", 0.05)

    async def scenario():
        async with served(settings(files)) as (port, _, heard):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            assert b"200 OK" in await ask(port, trusting(files[1]))
            return [event for event in heard.events if isinstance(event, HandshakeFailed)]

    [told] = run(scenario, new_loop)
    assert told.cause == "unfinished"


def test_a_flood_of_handshakes_keeps_nobody_out(files, monkeypatch):
    monkeypatch.setattr(HttpsDoor, "handshakes_max", 8)

    async def scenario():
        async with served(settings(files)) as (port, _, _heard):
            flood = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
            assert b"200 OK" in await ask(port, trusting(files[1]))
            ended = [asyncio.ensure_future(reader.read()) for reader, _ in flood[:20]]
            done, _ = await asyncio.wait(ended, timeout=5)
            for task in done:
                with contextlib.suppress(ConnectionError):
                    task.result()
            for _, writer in flood:
                writer.close()
            return len(done)

    assert run(scenario) == 20


def test_a_renewed_certificate_counts_from_the_next_connection(files, tmp_path):
    other = make_authority(tmp_path, "other")
    renewed = make_tls_files(tmp_path, "renewed", authority=other)

    async def scenario():
        async with served(settings(files)) as (port, tls, _heard):
            assert b"200 OK" in await ask(port, trusting(files[1]))
            tls.change(WebTlsSettings(certificate=renewed.certificate, key=renewed.key))
            assert b"200 OK" in await ask(port, trusting(other))
            tls.change(WebTlsSettings(certificate=tmp_path / "no", key=tmp_path / "no"))
            assert b"200 OK" in await ask(port, trusting(other))

    run(scenario)
