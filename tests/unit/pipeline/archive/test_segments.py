"""Long bodies of bytes and runs of payloads: any part of them, in blocks, and nothing left open."""

import asyncio
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive import segments
from hilum.pipeline.archive.forms import Bits, Form
from hilum.pipeline.archive.segments import Lying, Run, Streamer, cut, size_of
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


class LyingPayloads(MemoryPayloads):
    """Payloads that say where in a file they lie, behind a meta of ten bytes."""

    def open_payload(self, path):
        opened = super().open_payload(path)
        opened.lies_at = lambda offset, _size: (ord(path), 10 + offset)
        return opened


def pieces_of(body, held):
    async def gather():
        return [one async for one in Streamer(held, Reading()).pieces(body)]

    return asyncio.run(gather())


def lying_payloads():
    made = LyingPayloads()
    made.put("a", CONTENT)
    made.put("b", CONTENT[::-1])
    return made


def test_long_runs_are_given_as_they_lie_and_the_rest_as_bytes(monkeypatch):
    monkeypatch.setattr(segments, "LYING_BYTES_MIN", 100)
    held = lying_payloads()

    given = pieces_of([b"x", Run("a", 0, 99), Run("a", 5, 100), b"y", Run("b", 0, 200)], held)

    assert given == [b"x" + CONTENT[:99], Lying(97, 15, 100), b"y", Lying(98, 10, 200)]
    assert held.open_now == 0


@pytest.mark.parametrize(
    "form", [Form(is_deflated=True), Form(word_bytes=2), Form(bits=Bits(3, 800))]
)
def test_runs_that_are_given_otherwise_than_they_are_stored_do_not_lie(monkeypatch, form):
    monkeypatch.setattr(segments, "LYING_BYTES_MIN", 100)
    content = zlib.compress(CONTENT, wbits=-15) if form.is_deflated else CONTENT
    held = lying_payloads()
    held.put("a", content)
    run = Run("a", 0, 100, form)

    assert pieces_of([run], held) == streamed([run], held)


def test_what_lies_in_no_file_is_given_as_bytes(monkeypatch):
    monkeypatch.setattr(segments, "LYING_BYTES_MIN", 100)

    assert pieces_of([Run("a", 0, 200)], payloads()) == [CONTENT[:200]]


def test_where_values_begin_does_not_matter_to_bytes_as_they_are():
    assert Form(anchor=7).changes_nothing


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
