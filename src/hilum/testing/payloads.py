"""Payloads in memory that can be missing, short or endless: the vault as tests want it.

They have the shape of `pipeline.ports.Payloads` without importing it.
"""

import errno
import os
from collections.abc import Callable
from typing import Final

from hilum.kernel.errors import CorruptPayload

_PATTERN: Final = bytes(range(256)) * 256


class MemoryPayload:
    """An open payload; `end` is where its bytes end, which may be before its size."""

    def __init__(
        self,
        read: Callable[[int, memoryview], None],
        size: int,
        end: int,
        closed: Callable[[], None],
    ) -> None:
        self.size = size
        self._read = read
        self._end = end
        self._closed = closed
        self._at = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes; 0 is the end."""
        count = min(len(buffer), self._end - self._at)
        self._read(self._at, buffer[:count])
        self._at += count
        return count

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from an offset; 0 is the end."""
        count = max(min(len(buffer), self._end - offset), 0)
        self._read(offset, buffer[:count])
        return count

    def lies_at(self, offset: int, size: int) -> None:
        """Tell that it is in no file."""

    def close(self) -> None:
        """Give it back."""
        self._closed()


class MemoryPayloads:
    """Payloads by path. Counts those that are open."""

    def __init__(self) -> None:
        self.open_now = 0
        self.opened = 0
        self._contents: dict[str, bytes] = {}
        self._endless: dict[str, int] = {}
        self._missing_bytes: dict[str, int] = {}
        self._damaged: set[str] = set()

    def put(self, path: str, content: bytes) -> None:
        """Keep a data set."""
        self._contents[path] = content

    def put_large(self, path: str, size: int) -> None:
        """Keep a data set that costs no memory: a pattern of `size` bytes."""
        self._endless[path] = size

    def shorten(self, path: str, *, by: int) -> None:
        """Let reading end before the size that is told."""
        self._missing_bytes[path] = by

    def damage(self, path: str) -> None:
        """Let opening find something wrong."""
        self._damaged.add(path)

    def remove(self, path: str) -> None:
        """Let it vanish."""
        self._contents.pop(path, None)
        self._endless.pop(path, None)

    def open_payload(self, path: str) -> MemoryPayload:
        """Open a payload. Raises OSError, CorruptPayload."""
        if path in self._damaged:
            raise CorruptPayload("the seal does not fit")
        content, size = self._contents.get(path), self._endless.get(path)
        if content is None and size is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.open_now += 1
        self.opened += 1
        if content is None:
            return self._reader(path, _pattern_into, size or 0)

        def copy(at: int, buffer: memoryview) -> None:
            buffer[:] = content[at : at + len(buffer)]

        return self._reader(path, copy, len(content))

    def _reader(
        self, path: str, read: Callable[[int, memoryview], None], size: int
    ) -> MemoryPayload:
        end = size - self._missing_bytes.get(path, 0)
        return MemoryPayload(read, size, end, self._closed)

    def _closed(self) -> None:
        self.open_now -= 1


def _pattern_into(at: int, buffer: memoryview) -> None:
    """Fill `buffer` with what a large payload has at `at`."""
    done = 0
    while done < len(buffer):
        start = (at + done) % len(_PATTERN)
        piece = _PATTERN[start : start + len(buffer) - done]
        buffer[done : done + len(piece)] = piece
        done += len(piece)
