"""Keeps those who put payloads onto shelves apart from who takes a shelf down, in all processes.

Many may put at a time; who takes down is alone, for the moment of a rename. The kernel's lock ends
with its process, however that ends.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A lock in a file. One object a process, for all its threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inside = 0
        self._counting = threading.Lock()
        self._descriptor = -1

    def open(self) -> None:
        """Make the file. Raises OSError."""
        self._descriptor = self._opened()

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Put something: no shelf is taken down meanwhile. Waits a moment at most."""
        with self._counting:
            if self._inside == 0:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            self._inside += 1
        try:
            yield
        finally:
            with self._counting:
                self._inside -= 1
                if self._inside == 0:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Take something down: nobody puts anything meanwhile. Be quick; never within `shared`."""
        # A file of its own: locks of one open file do not keep each other out.
        descriptor = self._opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
