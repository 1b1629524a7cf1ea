"""The HTTP listener on real sockets: bounded heads, no waiting for ever, stopped in our order."""

import asyncio
import contextlib
import signal
import socket

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hilum.kernel.errors import Misconfigured
from hilum.service.web import WebServer, listen
from hilum.service.web_connection import HEAD_BYTES_MAX, BoundedHttp
from hilum.sources.web.settings import WebLimits

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


async def hello(_request):
    return PlainTextResponse("hello")


def application():
    return Starlette(routes=[Route("/", hello), Route("/fail", fail)])


async def fail(_request):
    raise RuntimeError("a bug")


@contextlib.asynccontextmanager
async def served(app=None, **limits):
    server = WebServer(app or application(), listen("127.0.0.1", 0), WebLimits(**limits))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        yield server
        running.cancel()  # quicker than uvicorn's way to stop, which has tests of its own


async def exchange(port, request):
    """Send `request` and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


def head(path="/", *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def run(scenario):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_it_serves_in_a_loop_that_is_not_its_own(new_loop):
    async def scenario():
        async with served() as server:
            answer = await exchange(server.port, head("/", "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nserver:" not in answer
        assert answer.endswith(b"\r\n\r\nhello")

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


def test_a_stop_closes_the_port_and_the_connections_that_wait():
    async def scenario():
        server = WebServer(application(), listen("127.0.0.1", 0))
        running = asyncio.ensure_future(server.run())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head())
        await reader.readuntil(b"hello")

        server.stop()

        assert await reader.read() == b""
        await running
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()

    run(scenario)


def test_an_answer_that_was_begun_is_finished_before_it_stops():
    async def scenario():
        may_go_on, asked = asyncio.Event(), asyncio.Event()

        async def slow(_request):
            asked.set()
            await may_go_on.wait()
            return PlainTextResponse("at last")

        async with served(Starlette(routes=[Route("/", slow)])) as server:
            answer = asyncio.ensure_future(exchange(server.port, head()))
            await asked.wait()
            server.stop()
            may_go_on.set()
            assert (await answer).endswith(b"at last")

    run(scenario)


def test_a_cancelled_server_leaves_nothing_open():
    async def scenario():
        server = WebServer(application(), listen("127.0.0.1", 0))
        task = asyncio.ensure_future(server.run())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head())
        await reader.readuntil(b"hello")

        task.cancel()
        await asyncio.wait({task})

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    run(scenario)


def test_signals_stay_ours():
    async def scenario():
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        async with served() as server:
            await exchange(server.port, head("/", "Connection: close"))
            during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        assert during == before

    run(scenario)


def test_a_head_that_is_too_large_is_told_so():
    async def scenario():
        async with served() as server:
            request = b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX
            answer = await exchange(server.port, request)
        assert answer.startswith(b"HTTP/1.1 431 ")

    run(scenario)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_never_ends_is_not_waited_for(monkeypatch, begun):
    monkeypatch.setattr(BoundedHttp, "head_seconds_max", 0.02)

    async def scenario():
        async with served() as server:
            assert await exchange(server.port, begun) in {b"", b"reset"}

    run(scenario)


def test_a_second_request_is_given_its_own_time(monkeypatch):
    monkeypatch.setattr(BoundedHttp, "head_seconds_max", 0.02)

    async def scenario():
        async with served() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(head())
            await reader.readuntil(b"hello")
            writer.write(head()[:20])
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    run(scenario)


def test_too_many_connections_are_turned_away_and_the_others_are_served():
    async def scenario():
        async with served(connections_max=3) as server:
            kept = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
            assert await exchange(server.port, head()) in {b"", b"reset"}
            reader, writer = kept[0]
            writer.write(head("/", "Connection: close"))
            assert (await reader.read()).endswith(b"hello")
            for _, open_writer in kept:
                open_writer.close()

    run(scenario)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS client
        b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00HILUM           ",  # a DICOM association
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 1000,
    ],
)
def test_nonsense_gets_a_definite_answer_and_the_next_caller_is_served(monkeypatch, nonsense):
    monkeypatch.setattr(BoundedHttp, "head_seconds_max", 0.05)

    async def scenario():
        async with served() as server:
            answer = await exchange(server.port, nonsense)
            assert answer in {b"", b"reset"} or answer.startswith(b"HTTP/1.1 4")
            answer = await exchange(server.port, head("/", "Connection: close"))
        assert answer.endswith(b"hello")

    run(scenario)


def test_every_address_of_a_name_gets_the_same_port():
    listeners = listen("localhost", 0)

    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


def test_a_port_that_is_taken_says_how_to_find_by_whom():
    (taken,) = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]

    with taken, pytest.raises(Misconfigured, match=rf"'127.0.0.1' port {port}.*ss -ltnp"):
        listen("127.0.0.1", port)


def test_an_address_of_another_machine_says_so():
    with pytest.raises(Misconfigured, match="no address of this machine"):
        listen("192.0.2.1", 0)  # RFC 5737: documentation only


def test_a_name_without_an_address_says_so(monkeypatch):
    def unknown(*_arguments, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Misconfigured, match=r"'gw.invalid'.*name is not known"):
        listen("gw.invalid", 8080)
