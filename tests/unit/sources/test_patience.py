"""Waits that can be ended: what is waited for is cancelled, and nobody takes one for the other."""

import asyncio

import pytest

from hilum.sources.dimse.patience import OutOfPatienceError, Patience


class Work:
    """Something that takes until it is told to end."""

    def __init__(self):
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.was_cancelled = False

    async def run(self):
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return 7


async def begun():
    patience, work = Patience(), Work()
    task = asyncio.create_task(patience.wait(work.run))
    await work.began.wait()
    assert patience.is_waiting
    return patience, work, task


def test_what_is_waited_for_is_given():
    async def main():
        patience, work, task = await begun()
        work.go.set()
        assert await task == 7
        assert not patience.is_waiting

    asyncio.run(main())


def test_a_wait_that_is_ended_cancels_what_is_waited_for_and_not_its_task():
    async def main():
        patience, work, task = await begun()
        patience.end()
        patience.end()
        with pytest.raises(OutOfPatienceError):
            await task
        assert work.was_cancelled
        assert task.cancelling() == 0

    asyncio.run(main())


@pytest.mark.parametrize("order", ["task first", "patience first"])
def test_a_task_that_is_cancelled_as_well_is_cancelled(order):
    async def main():
        patience, work, task = await begun()
        first, second = (task.cancel, patience.end)[:: 1 if order == "task first" else -1]
        first()
        second()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.was_cancelled

    asyncio.run(main())


def test_what_is_finished_at_the_same_moment_is_not_taken_for_the_answer():
    async def main():
        patience, work, task = await begun()
        work.go.set()
        patience.end()
        with pytest.raises(OutOfPatienceError):
            await task
        assert work.was_cancelled
        assert task.cancelling() == 0

    asyncio.run(main())


def test_nothing_is_begun_when_it_is_over():
    async def main():
        patience, work = Patience(), Work()
        patience.end()
        with pytest.raises(OutOfPatienceError):
            await patience.wait(work.run)
        assert not work.began.is_set()

    asyncio.run(main())
