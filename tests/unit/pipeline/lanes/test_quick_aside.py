import asyncio

import pytest

from hilum.kernel.errors import Full
from hilum.pipeline.lanes.quick import SLOW_SECONDS, QuickAside
from hilum.pipeline.wariness import WARY_SECONDS_MAX


class Elsewhere:
    """Counts what is not done on the loop."""

    def __init__(self):
        self.jobs = 0

    async def run(self, job):
        self.jobs += 1
        return job()


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds


def scene():
    clock, elsewhere = Clock(), Elsewhere()
    return clock, elsewhere, QuickAside(elsewhere, clock)


def test_what_is_quick_is_done_on_the_loop():
    _, elsewhere, aside = scene()

    assert asyncio.run(aside.run(lambda: 7)) == 7
    assert elsewhere.jobs == 0


def test_after_a_slow_job_threads_have_the_work_for_a_while():
    clock, elsewhere, aside = scene()

    def slow():
        clock.seconds += 10 * SLOW_SECONDS
        raise Full("no room")

    with pytest.raises(Full):
        asyncio.run(aside.run(slow))
    asyncio.run(aside.run(int))
    clock.seconds += WARY_SECONDS_MAX + 1
    asyncio.run(aside.run(int))

    assert elsewhere.jobs == 1


def test_asking_without_end_keeps_nobody_else_from_the_loop():
    _, _, aside = scene()
    seen = []

    async def ask():
        for _ in range(5):
            await aside.run(lambda: seen.append("asked"))

    async def other():
        seen.append("other")

    async def both():
        await asyncio.gather(ask(), other())

    asyncio.run(both())

    assert seen.index("other") == 0
