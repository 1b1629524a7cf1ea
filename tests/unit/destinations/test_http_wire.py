"""Requests whose body is in memory: what is sent, and each way an answer can come or not."""

import asyncio
import contextlib
import gzip

import pytest

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.http.client import ANSWER_BYTES_MAX, HttpClient
from hilum.destinations.http.wire import head_of
from hilum.kernel.errors import RemoteProtocolError, Unreachable

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Body:
    def __init__(self, *pieces):
        self.pieces = pieces
        self.size = sum(map(len, pieces))

    def take_all(self):
        return self.pieces


class Server:
    """Answers each request with the next of `answers`; None: hangs up, "": says nothing."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self.closes = False
        self.port = 0
        self.tasks = []

    @contextlib.asynccontextmanager
    async def listening(self, **settings):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        made = DicomWebDestinationSettings(
            type="dicomweb", url=f"http://127.0.0.1:{self.port}/rs", **settings
        )
        client = HttpClient(made, None)
        try:
            yield client
        finally:
            await client.aclose()
            server.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/rs/studies?a=b"

    async def _serve(self, reader, writer):
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer_all(reader, writer)
        finally:
            await ended(writer)

    async def _answer_all(self, reader, writer):
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            answer = self.answers.pop(0)
            if callable(answer):
                writer.write(answer())
                return
            self.requests.append((head, await reader.readexactly(length)))
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
            if self.closes:
                return
            if not answer:
                await reader.read()


async def ended(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_the_pieces_are_one_body_over_one_connection():
    server = Server(OK, OK)
    async with server.listening() as client:
        for _ in range(2):
            body = Body(b"ab", memoryview(b"cd"), b"\n")
            answer = await client.send(server.url, {"Accept": "x/y"}, body)

            assert (answer.status, answer.content, answer.fault) == (200, b"hi", "")

    head, content = server.requests[0]
    assert head.startswith(b"POST /rs/studies?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAccept: x/y\r\n" in head
    assert content == b"abcd\n"
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"hi")), gzip.compress(b"hi")),
    ],
)
async def test_answers_come_in_many_ways(answer):
    server = Server(answer)
    async with server.listening() as client:
        assert (await client.send(server.url, {}, Body(b"x"))).content == b"hi"


async def test_an_answer_may_end_with_its_connection():
    server = Server(b"HTTP/1.1 200 OK\r\n\r\nhi", OK)
    server.closes = True
    async with server.listening() as client:
        for _ in range(2):
            answer = await client.send(server.url, {}, Body(b"x"))
            assert (answer.content, answer.fault) == (b"hi", "")
    assert server.connections == 2


async def test_an_answer_that_was_cut_has_a_status_and_a_fault():
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")
    server.closes = True
    async with server.listening() as client:
        answer = await client.send(server.url, {}, Body(b"x"))

    assert (answer.status, answer.content) == (200, b"")
    assert "cut" in answer.fault


async def test_an_answer_that_is_too_long_has_a_fault_and_ends_the_connection():
    long = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (ANSWER_BYTES_MAX + 1)
    server = Server(long + bytes(ANSWER_BYTES_MAX + 1), OK)
    async with server.listening() as client:
        assert "more than" in (await client.send(server.url, {}, Body(b"x"))).fault
        assert (await client.send(server.url, {}, Body(b"x"))).fault == ""
    assert server.connections == 2


async def test_an_early_answer_counts_and_the_rest_is_never_sent():
    server = Server(lambda: b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", OK)
    async with server.listening() as client:
        with contextlib.suppress(Unreachable):  # whose end is seen first is nobody's promise
            assert (await client.send(server.url, {}, Body(bytes(8 << 20)))).status == 413

        assert (await client.send(server.url, {}, Body(b"x"))).status == 200
    assert server.connections == 2


async def test_no_answer_is_no_success():
    server = Server(None)
    async with server.listening() as client:
        with pytest.raises(Unreachable, match="closed the connection without an answer"):
            await client.send(server.url, {}, Body(b"x"))
        assert not client.was_stale


async def test_silence_costs_the_deadline():
    server = Server(b"")
    async with server.listening(response_timeout_seconds=0.05) as client:
        with pytest.raises(Unreachable, match=r"no complete answer within 0\.05 s"):
            await client.send(server.url, {}, Body(b"x"))


async def test_a_server_that_takes_nothing_is_let_go():
    server = Server()
    server._answer_all = lambda *_: asyncio.sleep(10)
    async with server.listening(stall_timeout_seconds=0.05) as client:
        with pytest.raises(Unreachable, match="took nothing of what we sent"):
            await client.send(server.url, {}, Body(bytes(64 << 20)))


async def test_only_the_first_answer_counts():
    """Some servers send a second one when they close a connection."""
    server = Server(OK + b"HTTP/1.1 408 Request Timeout\r\nX-A: 1\r\nContent-Length: 1\r\n\r\nx")
    async with server.listening() as client:
        answer = await client.send(server.url, {}, Body(b"x"))

        assert (answer.status, answer.content, answer.header("x-a")) == (200, b"hi", "")


@pytest.mark.parametrize(
    "answer",
    [
        b"\x02\x00not http\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
async def test_what_answers_is_not_http(answer):
    server = Server(answer)
    async with server.listening() as client:
        with pytest.raises(RemoteProtocolError, match="not HTTP"):
            await client.send(server.url, {}, Body(b"x"))


async def test_a_connection_that_ended_while_it_was_idle_is_worth_another_try():
    server = Server(OK, OK)
    server.closes = True
    async with server.listening() as client:
        await client.send(server.url, {}, Body(b"x"))
        client.is_rested = True
        try:
            await client.send(server.url, {}, Body(b"x"))
        except Unreachable:
            assert client.was_stale


async def test_a_request_that_is_cancelled_ends_its_connection():
    server = Server(b"", OK)
    async with server.listening() as client:
        sending = asyncio.ensure_future(client.send(server.url, {}, Body(b"x")))
        while not server.requests:  # noqa: ASYNC110 - turns of the loop
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])

        assert (await client.send(server.url, {}, Body(b"x"))).status == 200
    assert server.connections == 2


async def test_a_header_never_becomes_two():
    with pytest.raises(ValueError, match="line break"):
        head_of("/", "host", {"Authorization": "a\r\nX: y"}, 0)
