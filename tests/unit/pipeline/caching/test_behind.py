"""Files are written behind: many in one go, or when they have waited."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hilum.pipeline.caching import behind as module
from hilum.pipeline.caching.behind import Behind

pytestmark = pytest.mark.asyncio


class Stand:
    """Files that are written behind."""

    def __init__(self):
        self.written = []
        self.thread = ThreadPoolExecutor(1)
        self.behind = Behind(self.thread, write=self.write)

    def write(self, paths):
        self.written.append(list(paths))

    async def turn(self):
        """Wait until the thread has done what it was given by now."""
        await asyncio.get_running_loop().run_in_executor(self.thread, lambda: None)

    def close(self):
        self.behind.close()
        self.thread.shutdown()


@pytest.fixture
def stand(monkeypatch):
    monkeypatch.setattr(module, "_SOME", 2)
    monkeypatch.setattr(module, "_LATE_SECONDS", 1000)
    stand = Stand()
    yield stand
    stand.close()


async def test_one_waits_for_others(stand):
    stand.behind.add("a")
    await stand.turn()

    assert stand.written == []
    assert stand.behind.is_waiting


async def test_many_are_written_some_at_a_time_in_their_order(stand):
    go = threading.Event()
    stand.thread.submit(go.wait)
    for path in "abcde":
        stand.behind.add(path)
    go.set()
    for _ in range(3):
        await stand.turn()

    assert stand.written == [["a", "b"], ["c", "d"]]


async def test_what_is_late_is_written_alone(stand):
    stand.behind.add("a")
    stand.behind._look()
    await stand.turn()

    assert stand.written == [["a"]]


async def test_what_comes_when_writing_has_just_ended_is_looked_for(stand):
    """The thread may not have seen what came last: the alarm goes on while something waits."""
    stand.behind._is_writing = True  # and about to end
    stand.behind.add("a")
    stand.behind._look()
    stand.behind._is_writing = False
    stand.behind._look()
    await stand.turn()

    assert stand.written == [["a"]]


async def test_nobody_looks_when_nothing_waits(stand):
    stand.behind.add("a")
    stand.behind.write_some()
    stand.behind._look()

    assert stand.behind._alarm is None


async def test_what_the_thread_has_to_do_for_others_comes_in_between(stand):
    go = threading.Event()
    stand.thread.submit(go.wait)
    for path in "abcd":
        stand.behind.add(path)
    asked = stand.thread.submit(lambda: len(stand.written))
    go.set()

    assert await asyncio.wrap_future(asked) == 1


async def test_a_fault_while_writing_does_not_end_it(stand):
    stand.behind._write = lambda _: 1 / 0
    for path in "ab":
        stand.behind.add(path)
    await stand.turn()
    stand.behind._write = stand.write
    for path in "cd":
        stand.behind.add(path)
    await stand.turn()

    assert stand.written == [["c", "d"]]


async def test_who_closes_writes_what_is_left(stand):
    stand.behind.add("a")
    stand.behind.close()
    stand.behind.write_some()

    assert stand.written == [["a"]]
    assert not stand.behind.is_waiting
