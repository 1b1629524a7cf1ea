"""Blocks are filled from their beginning; what an answer leaves of one goes to the next answer."""

import pytest

from hilum.destinations import blocks
from hilum.destinations.blocks import BlockPool

pytestmark = pytest.mark.usefixtures("short")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(blocks, "ROOM_BYTES_MIN", 1024)


def fill(block, data):
    block.room()[: len(data)] = data
    return block.taken(len(data))


def test_what_was_read_tells_where_it_lies_and_cannot_be_written():
    block = BlockPool().lend()
    fill(block, b"one")
    two = fill(block, b"two")

    assert bytes(two) == two.memory[two.start : two.start + len(two)] == b"two"
    assert two.view.readonly
    assert block.left == 4096 - 6


def test_what_was_left_of_a_block_is_lent_next():
    pool = BlockPool()
    block = pool.lend()
    one = fill(block, b"one")
    pool.give_back(block)
    two = fill(pool.lend(), b"two")

    assert one.memory is two.memory
    assert (bytes(one), bytes(two)) == (b"one", b"two")


def test_what_was_left_is_lent_to_one_alone():
    pool = BlockPool()
    block = pool.lend()
    pool.give_back(block)

    assert pool.lend() is block
    assert pool.lend() is not block


def test_what_is_not_worth_a_read_is_not_lent():
    pool = BlockPool()
    block = pool.lend()
    one = fill(block, bytes(4000))
    pool.give_back(block)

    assert pool.lend().taken(0).memory is not one.memory


def test_a_block_that_is_left_for_the_next_answer_is_not_lent_from_its_beginning():
    pool = BlockPool()
    block = pool.lend()
    fill(block, b"one")
    pool.give_back(block)

    assert pool.next().taken(0).memory is not block.taken(0).memory


def test_less_is_kept_when_nobody_reads():
    pool = BlockPool()
    readers = [pool.lend() for _ in range(8)]
    for one in readers[1:]:
        pool.give_back(one)
    assert len(pool._memory._spare) == 8

    pool.give_back(readers[0])

    assert len(pool._memory._spare) == 4
