"""What is held counts with all that it keeps in memory, and once."""

import pytest

from hilum.pipeline.caching.budget import Budget, Hold

BLOCK = memoryview(bytearray(1000))


@pytest.fixture
def budget():
    return Budget(1500)


def test_a_piece_costs_all_of_what_it_is_cut_out_of(budget):
    assert Hold(budget).add([BLOCK[:1]])

    assert budget.left == 500


def test_what_is_held_twice_costs_once_until_nobody_holds_it(budget):
    one, other = Hold(budget), Hold(budget)
    assert one.add([BLOCK[:10], b"12345", BLOCK[10:20]])
    assert one.add([BLOCK[20:]])
    assert other.add([BLOCK[:10]])
    assert budget.left == 495

    one.let_go()
    assert budget.left == 500

    other.let_go()
    assert budget.left == 1500


def test_what_finds_no_room_holds_nothing_more(budget):
    hold = Hold(budget)
    assert hold.add([BLOCK])

    assert not hold.add([bytes(501)])
    assert budget.left == 500
    hold.let_go()
    assert budget.left == 1500


def test_letting_go_again_gives_nothing_back(budget):
    hold = Hold(budget)
    hold.add([BLOCK])
    hold.let_go()
    hold.let_go()

    assert budget.left == 1500
