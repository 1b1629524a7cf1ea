"""Long bodies of bytes and runs of payloads: any part of them, in blocks, and nothing left open."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive import segments
from hilum.pipeline.archive.segments import Run, Streamer, cut, size_of
from hilum.pipeline.reading import Reading
from hilum.testing.payloads import MemoryPayloads

CONTENT = bytes(range(256)) * 8


def payloads():
    made = MemoryPayloads()
    made.put("a", CONTENT)
    made.put("b", CONTENT[::-1])
    return made


def streamed(body, held):
    async def gather():
        return [bytes(block) async for block in Streamer(held, Reading()).blocks(body)]

    return asyncio.run(gather())


runs = st.builds(Run, st.sampled_from("ab"), st.integers(0, 1000), st.integers(0, 1000))
bodies = st.lists(st.one_of(st.binary(max_size=300), runs), max_size=8)


@given(bodies, st.integers(0, 4000), st.integers(0, 4000))
def test_any_part_of_a_body_is_that_part_of_its_bytes(body, start, length):
    held = payloads()
    whole = b"".join(streamed(body, held))

    part = cut(body, start, start + length)

    assert len(whole) == size_of(body)
    assert b"".join(streamed(part, held)) == whole[start : start + length]
    assert size_of(part) == len(whole[start : start + length])
    assert held.open_now == 0


def test_blocks_are_full_but_the_last(monkeypatch):
    monkeypatch.setattr(segments, "BLOCK_BYTES", 100)

    blocks = streamed([b"x" * 30, Run("a", 0, 260), b"y" * 15], payloads())

    assert [len(one) for one in blocks] == [100, 100, 100, 5]


def test_runs_of_one_payload_open_it_once():
    held = payloads()

    streamed([Run("a", 5, 5), b"-", Run("a", 500, 5), Run("b", 0, 1)], held)

    assert held.opened == 2


def test_a_payload_that_ends_too_early_is_an_error_and_is_closed():
    held = payloads()
    held.shorten("a", by=10)

    with pytest.raises(CorruptPayload):
        streamed([b"head", Run("a", 0, len(CONTENT))], held)

    assert held.open_now == 0
