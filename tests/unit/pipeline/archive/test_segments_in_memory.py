"""Bodies of payloads that are in memory: as they lie where they are long, copied otherwise."""

import pytest

from hilum.pipeline.archive.segments import LYING_BYTES_MIN, Run, Streamer
from hilum.pipeline.reading import Reading
from hilum.vault.held import HeldReader

pytestmark = pytest.mark.asyncio

HELD = memoryview(bytes(range(256)) * 1024)


class InMemory:
    """Payloads of which all are the same."""

    def open_payload(self, path):
        del path
        return HeldReader([HELD[:100_000], HELD[100_000:]], len(HELD))


@pytest.mark.parametrize("give", ["views", "pieces"])
async def test_long_runs_are_given_as_they_lie_in_their_order(give):
    streamer = Streamer(InMemory(), Reading())
    body = [b"head", Run("a", 0, len(HELD)), b"tail", Run("b", 3, 5)]

    pieces = [piece async for piece in getattr(streamer, give)(body)]

    assert b"".join(pieces) == b"head" + bytes(HELD) + b"tail" + bytes(HELD[3:8])
    assert [piece.obj is HELD.obj for piece in pieces if isinstance(piece, memoryview)] == [
        True
    ] * 2


async def test_short_runs_are_copied():
    streamer = Streamer(InMemory(), Reading())

    pieces = [piece async for piece in streamer.views([b"head", Run("a", 1, LYING_BYTES_MIN - 1)])]

    assert pieces == [b"head" + bytes(HELD[1:LYING_BYTES_MIN])]
