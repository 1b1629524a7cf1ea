"""Answers that are read into the same memory are nobody else's, whoever reads, keeps or leaves.

Many downloads are under way at a time; some are read slowly, some are left in the middle, pieces
are kept for a while after their download is over. Each byte is compared with what was sent.
"""

import random

import pytest

from hilum.destinations import blocks
from hilum.destinations.blocks import BlockPool
from hilum.destinations.http.download import Download

pytestmark = pytest.mark.asyncio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
AT_A_TIME, DOWNLOADS = 6, 60


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(blocks, "ROOM_BYTES_MIN", 512)
    monkeypatch.setattr("hilum.destinations.http.download.ROOM_BYTES_MIN", 512)


class Line:
    """A transport that does nothing."""

    def pause_reading(self):
        pass

    resume_reading = abort = pause_reading


class Fetch:
    """One download, what is sent to it, and what its reader has kept."""

    def __init__(self, pool, number, chance):
        self.body = random.Random(number).randbytes(chance.randrange(1, 20_000))
        self.sent = HEAD % len(self.body) + self.body
        self.download = Download("peer", pool, response_seconds=1, stall_seconds=1)
        self.download.connection_made(Line())
        self.at = 0  # what was read so far
        self.kept = []  # where a piece stands in the body, and the piece

    def arrive(self, size):
        some, self.sent = self.sent[:size], self.sent[size:]
        while some:
            room = self.download.get_buffer(-1)
            count = min(len(room), len(some))
            room[:count] = some[:count]
            self.download.buffer_updated(count)
            some = some[count:]

    async def read(self):
        if self.download._pieces:
            piece = await self.download.read()
            self.kept.append((self.at, piece))
            self.at += len(piece)

    @property
    def is_over(self):
        return self.at == len(self.body)

    def check(self):
        for at, piece in self.kept:
            assert bytes(piece) == self.body[at : at + len(piece)]


@pytest.mark.parametrize("seed", range(5))
async def test_no_answer_ever_has_bytes_of_another(seed):
    chance, pool = random.Random(seed), BlockPool()
    fetches = [Fetch(pool, number, chance) for number in range(DOWNLOADS)]
    running, keepers = [], []
    while fetches or running:
        while fetches and len(running) < AT_A_TIME:
            running.append(fetches.pop())
        one = chance.choice(running)
        one.arrive(chance.randrange(1, 3000))
        if chance.random() < 0.7:
            await one.read()
        if one.is_over or chance.random() < 0.03:  # left in the middle
            one.download.close()
            one.arrive(2000)  # what was on its way
            running.remove(one)
            keepers.append(one)
        if len(keepers) > AT_A_TIME:
            keepers.pop(chance.randrange(len(keepers)))

        for other in (*running, *keepers):
            other.check()
        if chance.random() < 0.3:
            del chance.choice([*running, *keepers]).kept[:1]
