"""Payloads in other forms are what their bytes are in that form, wherever they are read."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.byte_order import swapped
from hilum.pipeline.archive.forms import Bits, Form, formed
from hilum.testing.payloads import MemoryPayloads

CONTENT = bytes(range(256)) * 600


def reader(content):
    payloads = MemoryPayloads()
    payloads.put("x", content)
    return payloads.open_payload("x")


def deflated():
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(CONTENT) + stream.flush()


def read(source, offset, size):
    content = bytearray(size)
    done = 0
    while count := source.read_at(memoryview(content)[done:], offset + done):
        done += count
        if done == size:
            break
    return bytes(content[:done])


places = st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(1, 9000)), max_size=6)


@given(places)
def test_deflated_bytes_are_unfolded_forwards_and_backwards(asked):
    source = formed(reader(deflated()), Form(is_deflated=True))

    for offset, size in asked:
        assert read(source, offset, size) == CONTENT[offset : offset + size]


@given(places, st.sampled_from([2, 4, 8]), st.integers(0, 9))
def test_words_are_turned_from_their_anchor_on(asked, word, anchor):
    source = formed(reader(CONTENT), Form(word_bytes=word, anchor=anchor))
    turned = swapped(CONTENT[anchor:], word)

    for offset, size in asked:
        assert read(source, anchor + offset, size) == turned[offset : offset + size]


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 400), st.integers(1, 400))
def test_bits_begin_with_a_byte_and_end_with_zeros(first, count, offset, size):
    source = formed(reader(CONTENT), Form(bits=Bits(first, count)))
    number = int.from_bytes(CONTENT, "little") >> first & (1 << count) - 1
    whole = number.to_bytes((count + 7) // 8, "little")

    assert read(source, offset, size) == whole[offset : offset + size]
