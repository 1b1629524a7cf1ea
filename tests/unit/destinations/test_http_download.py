"""Long answers over a connection of their own: each framing, each way to be cut, and no hurry."""

import asyncio
import contextlib
from urllib.parse import urlsplit

import aiohttp
import pytest

from hilum.destinations.blocks import BlockPool
from hilum.destinations.http.download import Download
from hilum.kernel.errors import RemoteProtocolError

pytestmark = pytest.mark.asyncio

BODY = bytes(range(256)) * 1000
STALL_SECONDS = 0.1


def fed(download, data):
    """Give it bytes as a transport does."""
    while data:
        room = download.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        download.buffer_updated(count)
        data = data[count:]


class Peer:
    """Answers the first request with `pieces`; then hangs up, unless it `stays`, when we left."""

    def __init__(self, *pieces, stays=False):
        self.pieces = pieces
        self.stays = stays
        self.request = b""
        self.sent = 0
        self.is_done = asyncio.Event()
        self.tasks = []

    @contextlib.asynccontextmanager
    async def asked(self, headers=()):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        download = Download(
            "peer", BlockPool(), response_seconds=STALL_SECONDS, stall_seconds=STALL_SECONDS
        )
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: download, "127.0.0.1", port)
        try:
            await download.ask(urlsplit(f"http://127.0.0.1:{port}/rs/studies?a=b"), dict(headers))
            yield download
        finally:
            download.close()
            self.is_done.set()
            server.close()
            await asyncio.gather(*self.tasks)

    async def _serve(self, reader, writer):
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            self.request = await reader.readuntil(b"\r\n\r\n")
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
            if self.stays:
                await self.is_done.wait()
            writer.close()
            await writer.wait_closed()


class Line:
    """A transport that only knows whether it is read."""

    is_read = True

    def pause_reading(self):
        self.is_read = False

    def resume_reading(self):
        self.is_read = True


async def body_of(download):
    pieces = []
    while piece := await download.read():
        pieces.append(bytes(piece))
    return b"".join(pieces)


def head(*lines):
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


CHUNKED = b"".join(
    b"%x\r\n%b\r\n" % (len(BODY[at : at + 70_000]), BODY[at : at + 70_000])
    for at in range(0, len(BODY), 70_000)
)
FRAMED = {
    "length": head(f"Content-Length: {len(BODY)}") + BODY,
    "chunks": head("Transfer-Encoding: chunked") + CHUNKED + b"0\r\n\r\n",
}


@pytest.mark.parametrize("answer", FRAMED.values(), ids=FRAMED)
@pytest.mark.parametrize("step", [100, 50_000, 1 << 20])
async def test_a_body_comes_whole_however_it_is_framed_and_its_end_is_known(answer, step):
    peer = Peer(*[answer[at : at + step] for at in range(0, len(answer), step)], stays=True)
    async with peer.asked() as download:
        assert await body_of(download) == BODY


async def test_a_body_may_end_with_its_connection():
    async with Peer(head() + BODY[:10], BODY[10:]).asked() as download:
        assert await body_of(download) == BODY


async def test_what_stands_behind_the_end_is_nobodys():
    async with Peer(head("Content-Length: 3") + b"abc", b"def").asked() as download:
        assert await body_of(download) == b"abc"


async def test_another_answer_behind_the_end_changes_nothing():
    other = (
        b"HTTP/1.1 408 Request Timeout\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    )
    first = head("Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    async with Peer(first + other).asked() as download:
        assert (download.status, download.header("x-a")) == (200, "")
        assert await body_of(download) == b"abc"


async def test_an_answer_without_a_body_is_over_at_once():
    async with Peer(b"HTTP/1.1 204 No Content\r\n\r\n", stays=True).asked() as download:
        assert download.status == 204
        assert await download.read() == b""


async def test_a_server_may_say_first_that_it_goes_on():
    first = b"HTTP/1.1 102 Processing\r\nX-A: 1\r\n\r\n"
    async with Peer(first + head("Content-Length: 2", "X-B: 2") + b"hi").asked() as download:
        assert (download.status, download.header("x-a"), download.header("x-b")) == (200, "", "2")
        assert await body_of(download) == b"hi"


async def test_it_asks_for_the_path_and_says_that_it_asks_once():
    peer = Peer(head("Content-Length: 0"))
    async with peer.asked({"Accept": "x/y"}) as download:
        await download.read()

    assert peer.request.startswith(b"GET /rs/studies?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAccept: x/y\r\nConnection: close\r\n\r\n" in peer.request


@pytest.mark.parametrize(
    "answer",
    [
        head(f"Content-Length: {len(BODY)}") + BODY[:-1],
        head("Transfer-Encoding: chunked") + CHUNKED,
        head("Transfer-Encoding: chunked") + b"3\r\nabc\r\nzz\r\n",
    ],
    ids=["length", "chunks", "no chunk"],
)
async def test_a_body_that_is_cut_is_never_taken_for_a_whole_one(answer):
    async with Peer(answer).asked() as download:
        with pytest.raises(aiohttp.ClientPayloadError):
            await body_of(download)


async def test_a_body_that_stands_still_is_waited_for_no_longer_than_said():
    async with Peer(head("Content-Length: 9") + b"abc", stays=True).asked() as download:
        assert await download.read() == b"abc"
        with pytest.raises(TimeoutError):
            await download.read()


async def test_a_head_is_waited_for_no_longer_than_said():
    with pytest.raises(TimeoutError):
        async with Peer(b"HTTP/1.1 200 OK\r\n", stays=True).asked():
            pass


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.mark.parametrize("answer", [b"220 smtp\r\n\r\n", head("X: " + "y" * 70_000), UPGRADED])
async def test_what_is_no_http_is_told_so(answer):
    with pytest.raises(RemoteProtocolError, match="peer answered something that is not HTTP"):
        async with Peer(answer, stays=True).asked():
            pass


async def test_a_server_that_hangs_up_without_an_answer_has_given_none():
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with Peer(b"").asked():
            pass


async def test_a_header_never_becomes_two():
    download = Download(
        "peer", BlockPool(), response_seconds=STALL_SECONDS, stall_seconds=STALL_SECONDS
    )
    download.connection_made(Line())

    with pytest.raises(ValueError, match="line break"):
        await download.ask(urlsplit("http://peer/rs"), {"A": "b\r\nC: d"})


async def test_a_server_is_kept_waiting_by_who_reads_slowly():
    download, line = (
        Download("peer", BlockPool(), response_seconds=STALL_SECONDS, stall_seconds=STALL_SECONDS),
        Line(),
    )
    download.connection_made(line)
    fed(download, head())
    given = 0
    while line.is_read:
        fed(download, BODY)
        given += len(BODY)
    assert given < 3 << 20

    while not line.is_read:
        given -= len(await download.read())

    assert given > 0
