"""Who may write the ledger: one thread of one process at a time, next one awake at once.

SQLite alone makes writers of other processes poll with growing sleeps. `flock` on a file beside the
ledger wakes the next one when the lock is free, and the kernel frees it when its holder dies. It
belongs to the open file, so a process that forks must not go on with its parent's ledger.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hilum.ledger.errors import LedgerUnavailable, explained

# Ordinary transactions take milliseconds; whoever holds the lock this long hangs or was stopped.
TIMEOUT_SECONDS: Final = 10.0


class WriteLock:
    """The right to write. A context manager; not re-entrant, shared by all threads of a process."""

    def __init__(self, path: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._mutex = threading.Lock()
        self._waiter: _Waiter | None = None
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LedgerUnavailable: somebody held it for longer than the time-out.
        """
        if not self._mutex.acquire(timeout=self._timeout_seconds):
            raise self._too_long()
        try:
            self._acquire_file()
        except OSError as error:
            self._mutex.release()
            raise explained(error, self._path) from error
        except BaseException:
            self._mutex.release()
            raise

    def release(self) -> None:
        """Give the lock back."""
        try:
            if self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._mutex.release()

    def close(self) -> None:
        """Close the lock file; the next acquire() opens it again."""
        with self._mutex:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None
            self._waiter = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _acquire_file(self) -> None:
        if self._descriptor is None:
            self._descriptor = _open(self._path)
        if _try(self._descriptor):
            return
        deadline = time.monotonic() + self._timeout_seconds
        while (remaining := deadline - time.monotonic()) > 0:
            # A waiter that was given up before may still be there; then we wait with it, so that
            # there is never more than one.
            if self._waiter is None or self._waiter.is_over:
                self._waiter = _Waiter(_open(self._path))
            locked = self._waiter.wait(remaining)
            if locked is not None:
                os.close(self._descriptor)
                self._descriptor = locked
                return
        raise self._too_long()

    def _too_long(self) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"ledger lock {self._path}: held by another for more than {self._timeout_seconds:g} s; "
            "is a process of the gateway stopped or hanging?"
        )


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Waiter:
    """A thread that waits inside `flock`, which knows no deadline, for one that has one.

    It has an open file of its own, which it hands over together with the lock, or closes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Condition()
        self._is_wanted = True
        self._locked: int | None = None
        self._error: OSError | None = None
        self.is_over = False
        threading.Thread(target=self._run, name="ledger-lock", daemon=True).start()

    def wait(self, timeout_seconds: float) -> int | None:
        """Give the locked file, which is the caller's from now on; None if not in time.

        Raises:
            OSError: the lock cannot be taken at all.
        """
        with self._changed:
            self._is_wanted = True
            self._changed.wait_for(lambda: self.is_over, timeout_seconds)
            self._is_wanted = False
            if self._error is not None:
                raise self._error
            locked, self._locked = self._locked, None
            return locked

    def _run(self) -> None:
        error: OSError | None = None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as failure:
            error = failure
        with self._changed:
            self._error = error
            if self._is_wanted and error is None:
                self._locked = self._descriptor
            else:
                os.close(self._descriptor)
            self.is_over = True
            self._changed.notify_all()
