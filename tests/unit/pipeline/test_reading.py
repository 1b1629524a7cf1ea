"""Where payloads are read: on the loop while that is quick, in threads while a disk is slow."""

import asyncio
import threading

import pytest

from hilum.pipeline.reading import Reading


class Times:
    """A loop's clock, and reads that take some of it."""

    def __init__(self):
        self.now = 100.0
        self.reading = Reading()

    async def takes(self, seconds):
        """Read; tell whether the loop did."""

        def act():
            self.now += seconds
            return threading.current_thread() is threading.main_thread()

        return await self.reading.call(act)


@pytest.fixture
def run(monkeypatch):
    times = Times()

    def run(scenario):
        async def timed():
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: times.now)
            await scenario(times)

        with asyncio.Runner() as runner:
            runner.run(timed())

    return run


def test_what_is_quick_is_read_on_the_loop(run):
    async def scenario(times):
        assert await times.takes(0.001)
        assert await times.takes(0.001)

    run(scenario)


def test_after_a_slow_read_threads_read_and_soon_the_loop_again(run):
    async def scenario(times):
        await times.takes(0.02)
        assert not await times.takes(0.001)
        times.now += 0.5
        assert await times.takes(0.001)

    run(scenario)


def test_a_disk_that_stays_slow_is_left_to_threads_ever_longer(run):
    async def scenario(times):
        on_the_loop = 0
        for _ in range(600):
            on_the_loop += await times.takes(0.1)
        assert on_the_loop < 10

    run(scenario)


def test_a_slow_read_once_in_a_while_costs_little(run):
    async def scenario(times):
        for _ in range(6):
            await times.takes(0.02)
            times.now += 60
        await times.takes(0.02)
        times.now += 0.5
        assert await times.takes(0.001)

    run(scenario)


def test_what_was_opened_for_somebody_who_is_gone_is_closed():
    opened, goes_on = threading.Event(), threading.Event()
    closed = threading.Event()

    class Reader:
        def close(self):
            closed.set()

    def act():
        opened.set()
        goes_on.wait()
        return Reader()

    async def scenario():
        reading = Reading()
        reading._wary_until = asyncio.get_running_loop().time() + 60
        task = asyncio.ensure_future(reading.call(act))
        await asyncio.to_thread(opened.wait)
        task.cancel()
        await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert closed.is_set()


def test_a_thread_is_waited_for_however_often_that_is_cancelled():
    """A time-out and somebody who leaves may both end a read: its file is closed after it."""
    opened, goes_on = threading.Event(), threading.Event()
    ended = threading.Event()

    def act():
        opened.set()
        goes_on.wait()
        ended.set()

    async def scenario():
        reading = Reading()
        reading._wary_until = asyncio.get_running_loop().time() + 60
        task = asyncio.ensure_future(reading.call(act))
        await asyncio.to_thread(opened.wait)
        try:
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert not task.done()
        finally:
            goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(scenario())
