"""The simulation of `trials/simulation.py`, a small part of it; and that it can fail."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))  # trials are not installed

from trials.simulated import simulate

from hilum.kernel.outcome import Deferred, Delivered, Failing
from hilum.pipeline.lanes import lane, runner
from hilum.pipeline.lanes.books import Books

SEEDS = range(1, 201)
PARTS = 20


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_or_sent_in_vain(part):
    problems = {seed: simulate(seed).problems for seed in SEEDS[part::PARTS]}

    assert not {seed: found for seed, found in problems.items() if found}


def test_a_seed_is_always_the_same_world():
    assert simulate(7) == simulate(7)


def caught(word, seeds=range(1, 60)):
    return any(word in problem for seed in seeds for problem in simulate(seed).problems)


def test_it_sees_deliveries_that_are_forgotten(monkeypatch):
    def forget(self, goods):
        pass

    monkeypatch.setattr(lane.Lane, "_settle_untried", forget)

    assert caught("forgotten")


def test_it_sees_what_is_sent_again_without_need(monkeypatch):
    note, lies = runner.Runner._note, []

    def lie_once(self, goods, outcome):
        """Tell of one instance that was delivered that it was not tried."""
        if isinstance(outcome, Delivered) and not lies:
            lies.append(goods)
            outcome = Deferred("", failing=Failing.UNTRIED)
        note(self, goods, outcome)

    monkeypatch.setattr(runner.Runner, "_note", lie_once)

    assert caught("without need")
    assert lies


def test_it_sees_more_sessions_than_there_are_slots(monkeypatch):
    take = Books.take_slot

    async def take_twice_as_many(self, destination, slots_max):
        return await take(self, destination, slots_max * 2)

    monkeypatch.setattr(Books, "take_slot", take_twice_as_many)

    assert caught("sessions, not")
