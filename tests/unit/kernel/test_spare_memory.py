"""Memory is lent again when nobody looks at it, and never while somebody does."""

import random

import pytest

from hilum.kernel.filled import Filled
from hilum.kernel.spare_memory import SpareMemory

SIZE, SPARE_MAX = 4096, 5


@pytest.fixture
def spare():
    return SpareMemory(SIZE, spare_max=SPARE_MAX)


def test_memory_that_nobody_uses_is_lent_again(spare):
    first = id(spare.lend())

    assert id(spare.lend()) == first


@pytest.mark.parametrize(
    "use",
    [
        lambda one: Filled(one, memoryview(one)[:3]),
        lambda one: Filled(one, memoryview(one)[:3]).first(0),
        lambda one: memoryview(one)[1:3][:1],
        lambda one: memoryview(one)[SIZE - 1 :].toreadonly(),
        lambda one: memoryview(one)[5:5],
    ],
)
def test_memory_is_not_lent_while_anybody_has_a_piece_of_it(spare, use):
    memory = spare.lend()
    held, number = use(memory), id(memory)
    del memory

    other = id(spare.lend())
    del held

    assert other != number
    assert id(spare.lend()) == number


def test_memory_that_was_looked_at_has_the_length_it_had(spare):
    memory = spare.lend()
    memory[-3:] = b"end"

    again = spare.lend()

    assert again is memory
    assert len(again) == SIZE
    assert again[-3:] == b"end"


def test_no_more_is_kept_than_allowed_and_less_at_rest(spare):
    lent = [memoryview(spare.lend()) for _ in range(SPARE_MAX + 3)]

    assert len({id(one.obj) for one in lent}) == SPARE_MAX + 3
    assert len(spare._spare) == SPARE_MAX

    spare.rest(2)

    assert len(spare._spare) == 2


def test_what_is_lent_is_never_written_over_whoever_lets_go_of_what(spare):
    chance = random.Random(1)
    kept = []
    for number in range(500):
        view = memoryview(spare.lend())
        view[:4] = number.to_bytes(4)
        kept.append((number, view[:4]))
        if len(kept) > SPARE_MAX - 1:
            kept.pop(chance.randrange(len(kept)))

        assert all(int.from_bytes(part) == told for told, part in kept)
