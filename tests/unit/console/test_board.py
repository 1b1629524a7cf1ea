"""The board asks the checks at most once a second, and never waits for one that hangs."""

import asyncio
import threading

import pytest

from hilum.console import board as board_module
from hilum.console.board import HANGING, KEEP_SECONDS, STOPPING, Board
from hilum.console.events import CheckDegraded, CheckFailed, CheckRecovered
from hilum.console.health import Finding, Status

WELL = Finding("vault")
FULL = Finding("vault", Status.FAILING, "No room.", "Free some.")
LOW = Finding("vault", Status.DEGRADED, "Little room.", "Free some.")


class House:
    """A check whose finding, and a clock whose time, is set by the test."""

    def __init__(self):
        self.time = 100.0
        self.finding = WELL
        self.looks = 0
        self.threads = set()
        self.events = []

    def check(self):
        self.looks += 1
        self.threads.add(threading.current_thread())
        return self.finding

    def emit(self, event):
        self.events.append(event)


@pytest.fixture
def house():
    return House()


@pytest.fixture
def board(house):
    board = Board([house.check], house, monotonic=lambda: house.time)
    yield board
    board.close()


@pytest.mark.asyncio
async def test_many_probes_are_one_look(house, board):
    await asyncio.gather(*(board.findings() for _ in range(100)))
    house.time += KEEP_SECONDS / 2
    await board.findings()

    assert house.looks == 1


@pytest.mark.asyncio
async def test_a_finding_is_at_most_a_second_old(house, board):
    await board.findings()
    house.finding = FULL
    house.time += KEEP_SECONDS

    assert await board.findings() == (FULL,)
    assert not board.is_ready()


@pytest.mark.asyncio
async def test_checks_run_off_the_event_loop(house, board):
    await board.findings()

    assert threading.current_thread() not in house.threads


@pytest.mark.asyncio
async def test_changes_are_told_once(house, board):
    for finding in (WELL, FULL, FULL, LOW, WELL, WELL):
        house.finding = finding
        await board.findings()
        house.time += KEEP_SECONDS

    assert house.events == [
        CheckFailed("vault", "No room.", "Free some."),
        CheckDegraded("vault", "Little room.", "Free some."),
        CheckRecovered("vault"),
    ]


@pytest.mark.asyncio
async def test_stopping_is_seen_at_once_and_not_after_a_second(board):
    await board.findings()

    board.stop()

    assert await board.findings() == (WELL, STOPPING)
    assert not board.is_ready()


@pytest.mark.asyncio
async def test_what_is_closed_is_not_looked_at(house, board):
    await board.findings()
    board.stop()
    board.close()
    house.time += KEEP_SECONDS

    assert await board.findings() == (WELL, STOPPING)
    assert house.looks == 1


@pytest.mark.asyncio
async def test_a_check_that_hangs_is_itself_the_finding(house, monkeypatch):
    """A vault on a network share that went away blocks whoever looks at it, for minutes."""
    monkeypatch.setattr(board_module, "CHECKS_SECONDS_MAX", 0.02)
    share_is_back = threading.Event()
    looks = []

    def hanging():
        looks.append(share_is_back.wait(10))
        return WELL

    board = Board([hanging], house, monotonic=lambda: house.time)
    assert await board.findings() == (HANGING,)
    house.time += KEEP_SECONDS
    assert await board.findings() == (HANGING,), "the same look is still under way"
    share_is_back.set()
    monkeypatch.undo()
    house.time += KEEP_SECONDS

    assert await board.findings() == (WELL,)
    assert len(looks) == 1
    assert [type(event) for event in house.events] == [CheckFailed]
    board.close()
