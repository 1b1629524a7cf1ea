"""What one worker plans in quick succession is delivered by the one that has the least to do."""

import asyncio
import time

import pytest

from hilum.service.workers.bells import MESSAGE_BYTES_MAX, Bells
from hilum.service.workers.helping import GAP_SECONDS, LOAD_SECONDS, REFUSED_SECONDS, Helping

# Enough for a message and its answer.
A_MOMENT = GAP_SECONDS * 5


class Lanes:
    """Says what it was asked to look for."""

    def __init__(self):
        self.woken = []
        self.taken_over = []
        self.unable = set()

    def wake(self, news):
        self.woken += [(name, sorted(priorities)) for name, priorities in news.items()]

    def take_over(self, news):
        self.taken_over += [(name, sorted(priorities)) for name, priorities in news.items()]
        return {name: priorities for name, priorities in news.items() if name in self.unable}


class Team:
    """Two workers in one process, with loads that are as told."""

    def __init__(self, loads=(0.0, 0.0)):
        self.bells = Bells(2)
        self.lanes = {1: Lanes(), 2: Lanes()}
        self.workers = {n: Helping(self.bells, n, lanes) for n, lanes in self.lanes.items()}
        for number, load in zip((1, 2), loads, strict=True):
            if load is not None:
                self.bells.tell_load(number, load, time.monotonic())

    async def plan(self, *names, priority=1):
        for name in names:
            self.workers[1].planned({name: {priority}})
        await asyncio.sleep(A_MOMENT)


@pytest.fixture
def with_team():
    """Run a scenario with a team."""

    def run(scenario, **given):
        async def main():
            team = Team(**given)
            try:
                return await scenario(team)
            finally:
                for one in team.workers.values():
                    one.close()
                for one in (*team.bells._hearing.values(), *team.bells._calling.values()):
                    one.close()

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("loads", [(0.9, 0.3), (0.0, 0.2)])
def test_what_comes_after_the_first_is_told_to_the_one_who_has_less_to_do(with_team, loads):
    async def scenario(team):
        await team.plan("pacs", "pacs", "pacs", "cloud")
        return team.lanes

    lanes = with_team(scenario, loads=loads)
    assert lanes[1].woken == [("pacs", [1])]
    assert lanes[2].taken_over == [("pacs", [1]), ("cloud", [1])]
    assert not lanes[2].woken


def test_what_comes_slowly_stays_here(with_team):
    async def scenario(team):
        for _ in range(3):
            await team.plan("pacs")
        return team.lanes

    lanes = with_team(scenario)
    assert len(lanes[1].woken) == 3
    assert not lanes[2].taken_over


@pytest.mark.parametrize(
    "loads",
    [pytest.param((0.5, 0.6), id="busier"), pytest.param((0.9, None), id="silent")],
)
def test_who_is_busier_or_silent_is_told_nothing(with_team, loads):
    async def scenario(team):
        await team.plan("pacs", "cloud")
        return team.lanes

    lanes = with_team(scenario, loads=loads)
    assert lanes[1].woken == [("pacs", [1]), ("cloud", [1])]
    assert not lanes[2].taken_over


def test_what_the_other_cannot_deliver_comes_back_and_it_is_left_alone_for_a_while(with_team):
    async def scenario(team):
        team.lanes[2].unable = {"pacs"}
        await team.plan("cloud", "cloud", "pacs")
        await asyncio.sleep(A_MOMENT)
        assert team.lanes[1].woken == [("cloud", [1]), ("pacs", [1])]
        await team.plan("pacs", "pacs")
        told_at_once = list(team.lanes[2].taken_over)
        await asyncio.sleep(REFUSED_SECONDS)
        team.bells.tell_load(2, 0.0, time.monotonic())
        await team.plan("pacs", "pacs")
        return told_at_once, team.lanes[2].taken_over

    told_at_once, told = with_team(scenario)
    assert told_at_once == [("cloud", [1]), ("pacs", [1])]
    assert told == [*told_at_once, ("pacs", [1])]


def test_priorities_are_told_together(with_team):
    async def scenario(team):
        team.workers[1].planned({"pacs": {2}})
        team.workers[1].planned({"pacs": {0}})
        await team.plan("pacs", priority=2)
        return team.lanes[2].taken_over

    assert with_team(scenario) == [("pacs", [0, 2])]


def test_nothing_is_lost_on_one_that_does_not_listen(with_team):
    async def scenario(team):
        while team.bells.ring(2, b"[1, false, {}]"):
            pass
        team.workers[1].planned({"pacs": {1}})
        team.workers[1].planned({"cloud": {1}})
        team.workers[1]._ring()  # before the other has its turn
        return team.lanes[1].woken

    assert with_team(scenario) == [("pacs", [1]), ("cloud", [1])]


def test_what_is_too_much_to_say_is_done_alone(with_team):
    names = [f"{number:08}" * 5 for number in range(MESSAGE_BYTES_MAX // 40)]

    async def scenario(team):
        await team.plan("pacs", *names)
        return team.lanes

    lanes = with_team(scenario)
    assert [name for name, _ in lanes[1].woken] == ["pacs", *names]
    assert not lanes[2].taken_over


def test_what_was_not_told_yet_is_done_alone_at_the_end(with_team):
    async def scenario(team):
        for name in ("pacs", "cloud"):
            team.workers[1].planned({name: {1}})
        team.workers[1].close()
        return list(team.lanes[1].woken)

    assert with_team(scenario) == [("pacs", [1]), ("cloud", [1])]


def test_how_busy_one_is_is_the_part_of_the_time_for_which_it_computed(with_team):
    async def scenario(team):
        one = team.workers[1]
        told_at = team.bells._told_at[1]
        for _ in range(500):
            await asyncio.sleep(LOAD_SECONDS / 5)
            if team.bells._told_at[1] != told_at:
                break
        assert team.bells._told_at[1] != told_at  # by itself, again and again
        one._looking.cancel()
        one._looked = time.monotonic() - 2.0, time.process_time() - 1.0
        one._tell_load()
        return team.bells._loads[1]

    assert 0.4 < with_team(scenario) < 0.6
