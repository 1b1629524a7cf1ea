"""A runner with nothing to do: how it ends, and that nothing handed to it is lost then."""

import asyncio
from types import SimpleNamespace

import pytest

from hilum.pipeline.lanes.policy import LanePolicy
from hilum.pipeline.lanes.runner import Runner


class Depot:
    """A lane that hands nothing over by itself."""

    def __init__(self, keep_alive_seconds: float) -> None:
        self.policy = LanePolicy(keep_alive_seconds=keep_alive_seconds)
        self.idle: list[Runner] = []
        self.gone: list[Runner] = []
        self.work_left = 0
        self.is_waited_for = asyncio.Event()
        self.slots = SimpleNamespace(take=self._take, give=self._take)

    async def _take(self, _: object) -> object:
        return object()

    def is_idle(self, runner: Runner) -> None:
        self.idle.append(runner)
        self.is_waited_for.set()

    def has_work(self) -> bool:
        self.work_left -= 1
        return self.work_left >= 0

    def is_gone(self, runner: Runner) -> None:
        self.gone.append(runner)
        if runner in self.idle:
            self.idle.remove(runner)


async def idling(depot: Depot) -> tuple[Runner, asyncio.Task[None]]:
    runner = Runner(depot, object())
    running = asyncio.create_task(runner.run())
    await depot.is_waited_for.wait()
    return runner, running


@pytest.mark.asyncio
async def test_a_runner_that_tires_is_taken_off_the_list_before_it_wakes():
    depot = Depot(keep_alive_seconds=10)
    runner, running = await idling(depot)

    runner._tire()

    assert depot.gone == [runner]  # so that nobody hands it what it would not take
    assert not depot.idle
    await asyncio.wait_for(running, 1)


@pytest.mark.asyncio
async def test_a_runner_does_not_end_while_work_waits_for_its_rate():
    depot = Depot(keep_alive_seconds=0.001)
    depot.work_left = 3
    await asyncio.wait_for(Runner(depot, object()).run(), 1)
    assert depot.work_left == -1
    assert not depot.idle


@pytest.mark.asyncio
async def test_a_runner_that_was_handed_the_end_does_not_tire_any_more():
    depot = Depot(keep_alive_seconds=10)
    runner, running = await idling(depot)
    depot.idle[0].give(None)
    runner._tire()
    assert not depot.gone
    await asyncio.wait_for(running, 1)
