"""Bytes in several places over real connections: whole, in order, and no faster than they go."""

import asyncio
import os
import socket

import pytest
from web_connections import LOOPS, REQUEST, body_of, connected, run, served

from hilum.pipeline.archive.segments import Scattered
from hilum.sources.web.exchange import SEND_SCATTERED_STATE

CONTENT = os.urandom(3_000_001)
PIECE = Scattered(
    [CONTENT[:5], memoryview(CONTENT)[5:2_000_000], CONTENT[2_000_000:]], len(CONTENT)
)


class ScatteredApplication:
    """Answers with a head, the piece so often, and a tail; of a length that is told, or not."""

    def __init__(self, *, is_told, times=1, piece=PIECE):
        self.is_told = is_told
        self.piece = piece
        self.times = times
        self.taken = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope, _receive, send):
        length = str(self.times * len(CONTENT) + 8).encode()
        headers = [(b"content-length", length)] if self.is_told else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"head", "more_body": True})
        for _ in range(self.times):
            await scope["state"][SEND_SCATTERED_STATE](self.piece)
            self.taken += 1
        await send({"type": "http.response.body", "body": b"tail", "more_body": False})
        self.ended.set()


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_it_goes_out_between_what_is_before_and_behind_it(loop, is_told):
    async def scenario():
        async with served(ScatteredApplication(is_told=is_told, times=2)) as server:
            reader, writer = await connected(server)
            assert await body_of(reader) == b"head" + 2 * CONTENT + b"tail"
            # The connection is good for another one.
            writer.write(REQUEST)
            assert await body_of(reader) == b"head" + 2 * CONTENT + b"tail"
            writer.close()

    run(scenario, loop)


def test_it_is_held_until_the_client_has_taken_it():
    async def scenario():
        large = Scattered([*PIECE.parts] * 4, 4 * PIECE.size)  # more than sockets hold
        application = ScatteredApplication(is_told=False, piece=large)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with served(application) as server:
                idle.connect(("127.0.0.1", server.port))
                idle.send(REQUEST)
                await asyncio.sleep(0.2)
                assert not application.taken
                idle.close()
                await application.ended.wait()

    run(scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_goes_away_is_not_waited_for(loop):
    async def scenario():
        application = ScatteredApplication(is_told=True, times=8)
        async with served(application) as server:
            reader, writer = await connected(server)
            assert await reader.read(100)
            writer.transport.abort()
            await application.ended.wait()

    run(scenario, loop)


def test_a_client_that_takes_nothing_is_given_up():
    async def scenario():
        application = ScatteredApplication(is_told=False, times=8)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with served(application, transfer_grace_seconds=0.02) as server:
                idle.connect(("127.0.0.1", server.port))
                idle.send(REQUEST)
                await application.ended.wait()

    run(scenario)
