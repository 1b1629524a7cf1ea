"""Receive buffers that are handed from a socket to the disk without a copy, and used again.

A buffer is counted: who still needs bytes in it holds it. Only the event loop touches the counts.
"""

from typing import Final

# What one read of the socket may bring. Large enough that a CT image takes two or three reads,
# small enough that many associations in mid-transfer stay below the pool's ceiling.
LARGE_BYTES: Final = 512 * 1024
# A connection that has nothing to receive yet: room for an A-ASSOCIATE-RQ and small messages.
SMALL_BYTES: Final = 16 * 1024
# Below this much room at its end, a buffer in use is not read into any more.
ROOM_MIN: Final = 2 * 1024
# Kept for use again; more than that is given back to the system.
_SPARE_MAX: Final = 8


class Buffer:
    """Bytes from a socket. `filled` counts what was read; `holds` who still needs it."""

    __slots__ = ("_pool", "filled", "holds", "size", "view")

    def __init__(self, size: int, pool: "BufferPool | None") -> None:
        self.view = memoryview(bytearray(size))
        self.size = size
        self.filled = 0
        self.holds = 0
        self._pool = pool

    def hold(self) -> None:
        """Ask that the bytes stay as they are."""
        self.holds += 1

    def release(self) -> None:
        """Give up one hold; a large buffer nobody holds goes back to its pool."""
        self.holds -= 1
        if self.holds == 0 and self._pool is not None:
            self._pool.give_back(self)

    def retire(self) -> None:
        """Let nobody use it again: somebody may look at it whom nobody counts any more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.lose()


class Uncounted(Buffer):
    """Stands for memory that nobody reads into again, so that nobody needs to count its holds."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(0, None)

    def hold(self) -> None:
        """Whoever has a piece of it keeps it alive."""

    def release(self) -> None:
        """It is not used again."""


class BufferPool:
    """Large buffers, with a ceiling in bytes that connections wait below."""

    def __init__(self, ceiling_bytes: int) -> None:
        self._ceiling = ceiling_bytes
        self._spare: list[Buffer] = []
        self._lent = 0

    @property
    def is_exhausted(self) -> bool:
        """Tell whether connections should stop reading until buffers come back."""
        return self._lent * LARGE_BYTES >= self._ceiling

    def lend(self) -> Buffer:
        """Lend a large buffer, already held once by the borrower."""
        self._lent += 1
        buffer = self._spare.pop() if self._spare else Buffer(LARGE_BYTES, self)
        buffer.filled = 0
        buffer.holds = 1
        return buffer

    def lose(self) -> None:
        """Count on a buffer no more: it goes when the last who looks at it goes."""
        self._lent -= 1

    def give_back(self, buffer: Buffer) -> None:
        """Take a buffer that nobody holds any more."""
        self._lent -= 1
        if len(self._spare) < _SPARE_MAX:
            self._spare.append(buffer)
