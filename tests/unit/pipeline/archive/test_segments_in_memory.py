"""Bodies of payloads that are in memory: as they lie where they are long, copied otherwise."""

import pytest

from hilum.pipeline.archive.segments import LYING_BYTES_MIN, Run, Scattered, Streamer
from hilum.pipeline.reading import Reading
from hilum.vault.held import HeldReader

pytestmark = pytest.mark.asyncio

HELD = memoryview(bytes(range(256)) * 1024)


class InMemory:
    """Payloads of which all are the same."""

    def open_payload(self, path):
        del path
        return HeldReader([HELD[:100_000], HELD[100_000:]], len(HELD))


@pytest.mark.parametrize("has_files", [True, False])
async def test_long_runs_are_given_as_they_lie_together_with_what_is_before_them(has_files):
    streamer = Streamer(InMemory(), Reading())
    body = [b"head", b"meta", Run("a", 0, len(HELD)), b"tail", Run("b", 3, 5)]

    first, second = [piece async for piece in streamer.pieces(body, has_files=has_files)]

    assert first == Scattered([b"head", b"meta", HELD[:100_000], HELD[100_000:]], len(HELD) + 8)
    assert [part.obj is HELD.obj for part in first.parts[2:]] == [True, True]
    assert second == b"tail" + bytes(HELD[3:8])


async def test_what_is_copied_is_not_put_together_with_what_lies():
    streamer = Streamer(InMemory(), Reading())

    pieces = [piece async for piece in streamer.pieces([Run("a", 1, 9), Run("b", 0, len(HELD))])]

    assert pieces == [bytes(HELD[1:10]), Scattered([HELD[:100_000], HELD[100_000:]], len(HELD))]


async def test_short_runs_are_copied():
    streamer = Streamer(InMemory(), Reading())
    body = [b"head", Run("a", 1, LYING_BYTES_MIN - 1)]

    pieces = [piece async for piece in streamer.pieces(body, has_files=False)]

    assert pieces == [b"head" + bytes(HELD[1:LYING_BYTES_MIN])]
