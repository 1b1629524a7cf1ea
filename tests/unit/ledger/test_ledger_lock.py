import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hilum.ledger.errors import LedgerUnavailable
from hilum.ledger.lock import WriteLock

# Takes the lock, says so, and keeps it until it is killed or its input ends.
HOLDER = """
import fcntl, sys
held = open(sys.argv[1], "a")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
BRIEFLY_SECONDS = 0.05
LONG_SECONDS = 10.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db.lock"


@pytest.fixture
def holder(path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"held\n"
    yield child
    child.kill()
    child.communicate()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_one_thread_at_a_time_has_the_lock(path):
    lock = WriteLock(path, timeout_seconds=LONG_SECONDS)
    inside = []

    def work():
        for _ in range(200):
            with lock:
                inside.append(1)
                assert len(inside) == 1
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lock.close()


def test_two_locks_of_one_process_exclude_each_other(path):
    first, second = WriteLock(path), WriteLock(path, timeout_seconds=BRIEFLY_SECONDS)

    with first, pytest.raises(LedgerUnavailable):
        second.acquire()

    first.close()
    second.close()


@pytest.mark.usefixtures("holder")
def test_waiting_for_another_process_ends_with_a_name_and_a_remedy(path):
    lock = WriteLock(path, timeout_seconds=BRIEFLY_SECONDS)

    with pytest.raises(LedgerUnavailable, match=r"ledger.db.lock: held by another.*stopped"):
        lock.acquire()

    lock.close()


def test_the_lock_is_free_when_its_holder_is_killed(path, holder):
    lock = WriteLock(path, timeout_seconds=LONG_SECONDS)
    taken = threading.Event()

    def work():
        with lock:
            taken.set()

    waiting = threading.Thread(target=work)
    waiting.start()
    assert not taken.wait(BRIEFLY_SECONDS)

    holder.kill()

    assert taken.wait(LONG_SECONDS)
    waiting.join()
    lock.close()


def test_giving_up_again_and_again_leaks_neither_threads_nor_descriptors(path, holder):
    lock = WriteLock(path, timeout_seconds=0.01)
    before = descriptors()

    for _ in range(10):
        with pytest.raises(LedgerUnavailable):
            lock.acquire()

    # The lock file, and the one that the only waiter has open.
    assert descriptors() - before <= 2
    assert [t.name for t in threading.enumerate()].count("ledger-lock") == 1
    holder.kill()
    holder.wait()
    lock._timeout_seconds = LONG_SECONDS
    with lock:
        pass
    lock.close()
    for thread in threading.enumerate():
        if thread.name == "ledger-lock":
            thread.join(LONG_SECONDS)
    assert descriptors() <= before


def test_a_waiter_that_was_given_up_does_not_keep_the_lock(path):
    first, second = WriteLock(path), WriteLock(path, timeout_seconds=BRIEFLY_SECONDS)
    first.acquire()
    with pytest.raises(LedgerUnavailable):
        second.acquire()

    first.release()

    first._timeout_seconds = LONG_SECONDS
    with first:
        pass
    second._timeout_seconds = LONG_SECONDS
    with second:
        pass
    first.close()
    second.close()


def test_the_lock_is_free_after_an_error_inside(path):
    lock = WriteLock(path, timeout_seconds=BRIEFLY_SECONDS)

    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0

    with lock:
        pass
    lock.close()


def test_a_lock_that_cannot_be_opened_is_free_for_the_next_try(tmp_path):
    folder = tmp_path / "later"
    lock = WriteLock(folder / "ledger.db.lock", timeout_seconds=BRIEFLY_SECONDS)
    with pytest.raises(LedgerUnavailable, match="No such file or directory"):
        lock.acquire()

    folder.mkdir()

    with lock:
        pass
    lock.close()
