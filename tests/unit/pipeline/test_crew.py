import asyncio
import threading

import pytest

from hilum.kernel.errors import Full
from hilum.pipeline.crew import Crew


@pytest.fixture
def crew():
    crew = Crew("test", 2)
    yield crew
    crew.close()


def test_a_job_runs_beside_the_loop_and_gives_or_raises_what_it_does(crew):
    def fail():
        raise Full("no room")

    async def scene():
        with pytest.raises(Full):
            await crew.run(fail)
        return await crew.run(threading.current_thread)

    assert asyncio.run(scene()) is not threading.current_thread()


def test_one_crew_serves_one_loop_after_the_other(crew):
    for _ in range(2):
        assert asyncio.run(crew.run(lambda: 7)) == 7


def test_a_job_that_has_begun_goes_on_and_one_that_has_not_is_left_when_nobody_waits():
    crew = Crew("test", 1)
    begun, goes_on, ended, never = (threading.Event() for _ in range(4))

    def long():
        begun.set()
        goes_on.wait()
        ended.set()

    async def scene():
        first, second = crew.submit(long), crew.submit(never.set)
        await asyncio.to_thread(begun.wait)
        first.cancel()
        second.cancel()
        goes_on.set()
        await crew.run(ended.wait)

    asyncio.run(scene())
    crew.close()

    assert ended.is_set()
    assert not never.is_set()


def test_a_loop_that_is_closed_meanwhile_costs_no_thread():
    crew = Crew("test", 1)
    goes_on = threading.Event()

    async def leave():
        crew.submit(goes_on.wait)

    asyncio.run(leave())
    goes_on.set()

    assert asyncio.run(crew.run(lambda: "still there")) == "still there"
    crew.close()


def test_what_was_submitted_is_done_before_it_ends_and_nothing_is_taken_after():
    crew = Crew("test", 1)
    done = []

    async def scene():
        crew.submit(lambda: done.append(1))
        crew.close()
        with pytest.raises(RuntimeError):
            crew.submit(lambda: done.append(2))

    asyncio.run(scene())

    assert done == [1]
