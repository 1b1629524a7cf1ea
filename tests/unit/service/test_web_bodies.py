"""Bodies on real sockets: whole however they are cut, next to other requests, bounded in memory."""

import asyncio
import contextlib
import hashlib

import pytest
import uvloop

from hilum.service import web_body
from hilum.service.web import WebServer, listen
from hilum.service.web_body import HELD_BYTES_MAX, PIECE_BYTES_MIN, IncomingBody

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
CONTENT = bytes(range(256)) * 4096  # 1 MB


async def digesting(_scope, receive, send):
    """Answer with the length and the digest of what came."""
    digest, size = hashlib.sha256(), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        digest.update(message["body"])
        size += len(message["body"])
        if not message["more_body"]:
            break
    await answer(send, f"{size} {digest.hexdigest()}\n".encode())


async def answer(send, content):
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def digested(content):
    return f"{len(content)} {hashlib.sha256(content).hexdigest()}\n".encode()


def post(content, *fields):
    lines = ["POST / HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


def in_chunks(*chunks):
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (*chunks, b""))
    return b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body


@contextlib.asynccontextmanager
async def connected(application=digesting):
    server = WebServer(application, listen("127.0.0.1", 0))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        yield reader, writer
        writer.close()
        running.cancel()


async def content_of_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readuntil(b"\n")


def run(scenario, new_loop=uvloop.new_event_loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


async def send_cut(writer, request, cuts):
    """Send a request so that it is likely to be read in these pieces."""
    for begin, end in zip((0, *cuts), (*cuts, len(request)), strict=True):
        writer.write(request[begin:end])
        await writer.drain()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("behind_head", [0, 1, 70_000])
def test_a_body_is_whole_and_the_next_request_is_found(new_loop, behind_head):
    first, second, third = post(CONTENT), post(b"second"), in_chunks(b"th", b"ird")
    head = len(first) - len(CONTENT)
    cuts = (head + behind_head, len(first) - 1, len(first) + 1, len(first) + len(second))

    async def scenario():
        async with connected() as (reader, writer):
            await send_cut(writer, first + second + third, cuts)
            answers = [await content_of_answer(reader) for _ in range(3)]
        assert answers == [digested(CONTENT), digested(b"second"), digested(b"third")]

    run(scenario, new_loop)


def test_bodies_in_small_pieces_are_whole():
    content = bytes(1000)

    async def scenario():
        request = post(content) + in_chunks(*[b"x"] * 500)
        async with connected() as (reader, writer):
            await send_cut(writer, request, range(7, len(request), 7))
            answers = [await content_of_answer(reader) for _ in range(2)]
        assert answers == [digested(content), digested(b"x" * 500)]

    run(scenario)


def test_many_bodies_in_one_go_are_told_apart():
    bodies = [CONTENT[:size] for size in (1, 0, 300_000, 5, 700_000)]

    async def scenario():
        async with connected() as (reader, writer):
            writer.write(b"".join(post(one) for one in bodies))
            answers = [await content_of_answer(reader) for _ in bodies]
        assert answers == [digested(one) for one in bodies]

    run(scenario)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_behind_a_long_body_requests_are_told_apart_however_they_are_cut(new_loop):
    bodies = [CONTENT[:size] for size in (700_000, 5, 0, 300_000, 660_000, 1)]
    requests = [*map(post, bodies), in_chunks(CONTENT[:30_000], b"ird"), post(b"last")]
    wanted = [*bodies, CONTENT[:30_000] + b"ird", b"last"]
    behind = b"".join(requests)

    async def scenario():
        for cuts in ((), (10,), (50, 52, 400_000), (75, 700_100), range(90, len(behind), 99_991)):
            async with connected() as (reader, writer):
                writer.write(post(CONTENT))
                assert await content_of_answer(reader) == digested(CONTENT)
                await send_cut(writer, behind, cuts)
                for one in wanted:
                    assert await content_of_answer(reader) == digested(one)

    run(scenario, new_loop)


def test_behind_a_long_body_a_head_that_does_not_end_is_refused():
    async def scenario():
        async with connected() as (reader, writer):
            writer.write(post(CONTENT))
            assert await content_of_answer(reader) == digested(CONTENT)
            writer.write(b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000)
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")

    run(scenario)


@pytest.mark.parametrize(
    ("coding", "status"), [("gzip", 400), ("identity", 400), ("gzip, chunked", 501)]
)
def test_a_transfer_coding_that_is_not_known_is_refused_with_a_reason(coding, status):
    calls = []

    async def application(scope, _receive, _send):
        calls.append(scope)

    async def scenario():
        head = f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n"
        async with connected(application) as (reader, writer):
            writer.write(head.encode() + b"3\r\nabc\r\n0\r\n\r\n")
            answered = await reader.read()
        assert answered.startswith(b"HTTP/1.1 %d " % status)
        assert answered.count(b"HTTP/1.1") == 1
        assert b"Transfer-Encoding" in answered
        assert not calls

    run(scenario)


def test_chunks_may_be_named_in_capitals():
    async def scenario():
        async with connected() as (reader, writer):
            writer.write(in_chunks(b"abc").replace(b"chunked", b"Chunked"))
            assert await content_of_answer(reader) == digested(b"abc")

    run(scenario)


def test_a_body_that_asks_for_consent_gets_it_once():
    async def scenario():
        async with connected() as (reader, writer):
            writer.write(post(CONTENT, "Expect: 100-continue")[: -len(CONTENT)])
            assert await reader.readuntil(b"\r\n\r\n") == web_body.CONTINUE
            writer.write(CONTENT)
            assert await content_of_answer(reader) == digested(CONTENT)

    run(scenario)


def test_what_follows_a_body_must_be_a_request():
    async def scenario():
        async with connected() as (reader, writer):
            await send_cut(writer, post(CONTENT) + b"\x00 nonsense\r\n\r\n", (1000,))
            assert b"HTTP/1.1 400 " in await reader.read()

    run(scenario)


@pytest.mark.parametrize(
    "fields", [["Transfer-Encoding: chunked"], ["Content-Length: 3"], ["content-length: 99"]]
)
def test_a_body_with_two_lengths_is_refused(fields):
    async def scenario():
        async with connected() as (reader, writer):
            writer.write(post(b"abcd", *fields))
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    run(scenario)


def test_a_body_nobody_wants_is_passed_over_and_the_next_request_is_answered():
    async def unread(scope, receive, send):
        if scope["path"] == "/":
            await answer(send, b"no thanks\n")
        else:
            await digesting(scope, receive, send)

    async def scenario():
        request = post(CONTENT)
        head = len(request) - len(CONTENT)
        async with connected(unread) as (reader, writer):
            writer.write(request[:head])
            assert await content_of_answer(reader) == b"no thanks\n"
            writer.write(CONTENT + post(b"next").replace(b"POST / ", b"POST /next "))
            assert await content_of_answer(reader) == digested(b"next")

    run(scenario)


def test_a_client_that_goes_in_the_middle_is_noticed():
    gone = asyncio.Event()

    async def waiting(_scope, receive, _send):
        while (await receive())["type"] == "http.request":
            pass
        gone.set()

    async def scenario():
        async with connected(waiting) as (_, writer):
            writer.write(post(CONTENT)[:5000])
            await writer.drain()
            writer.close()
            await gone.wait()

    run(scenario)


def test_an_upgrade_that_is_not_offered_leaves_its_body_to_the_parser():
    async def scenario():
        async with connected() as (reader, writer):
            writer.write(post(b"abcd", "Connection: Upgrade", "Upgrade: h2c"))
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 ")

    run(scenario)


class Cycle:
    disconnected = response_complete = waiting_for_100_continue = False
    more_body = True

    def __init__(self):
        self.message_event = asyncio.Event()


class Flow:
    is_paused = False

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self):
        self.is_paused = False


def test_no_more_is_held_than_allowed_until_the_application_takes_some():
    flow = Flow()
    body = IncomingBody(Cycle(), flow, None)
    piece = bytes(PIECE_BYTES_MIN)
    taken = 0
    while not flow.is_paused:
        body.take(piece)
        taken += len(piece)
    assert taken == HELD_BYTES_MAX

    message = asyncio.run(body.receive())

    assert message["body"] is piece  # not a copy
    assert not flow.is_paused


def test_tiny_pieces_become_large_ones():
    body = IncomingBody(Cycle(), Flow(), None)
    for _ in range(2 * PIECE_BYTES_MIN):
        body.take(b"x")

    message = asyncio.run(body.receive())

    assert message["body"] == b"x" * PIECE_BYTES_MIN


def test_what_is_held_is_given_up_with_the_answer():
    cycle = Cycle()
    body = IncomingBody(cycle, Flow(), None)
    body.take(b"held")

    body.forget()
    assert body.is_here()
    cycle.response_complete = True
    body.forget()
    body.take(b"late")

    cycle.response_complete = False
    assert not body.is_here()
