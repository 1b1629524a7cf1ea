"""Memory that long answers are read into: filled from its beginning, one answer behind another.

What was read is handed on where it lies, so that nobody copies it.
"""

from typing import Final

from hilum.kernel.filled import Filled
from hilum.kernel.spare_memory import SpareMemory

# Some CT images.
BLOCK_BYTES: Final = 2 << 20
# So many are kept for use again while anybody reads: as much as is fetched ahead, and on its way.
_SPARE_MAX: Final = 20
# And so many while nobody does: what one answer takes. New memory is dear.
_RESTING_MAX: Final = 4
# Less room than this is not worth a read.
ROOM_BYTES_MIN: Final = 64 << 10


class Block:
    """Memory, and how far it is filled. Whoever has a view of any of it keeps all of it."""

    __slots__ = ("_filled", "_memory", "_view")

    def __init__(self, memory: bytearray) -> None:
        self._memory = memory
        self._view = memoryview(memory)
        self._filled = 0

    @property
    def left(self) -> int:
        """Give how much room there is."""
        return len(self._view) - self._filled

    def room(self) -> memoryview:
        """Give where to read into next."""
        return self._view[self._filled :]

    def taken(self, size: int) -> Filled:
        """Give what was read; it is never written over."""
        start = self._filled
        self._filled += size
        return Filled(self._memory, self._view[start : self._filled].toreadonly(), start)


class BlockPool:
    """Blocks for all who read from one place; each has one at a time. Lives on the event loop."""

    def __init__(self) -> None:
        self._memory = SpareMemory(BLOCK_BYTES, spare_max=_SPARE_MAX)
        self._rest: Block | None = None
        self._readers = 0

    def lend(self) -> Block:
        """Give a first block: what an answer before has left of one, if that is worth a read."""
        self._readers += 1
        rest, self._rest = self._rest, None
        return rest if rest is not None else self.next()

    def next(self) -> Block:
        """Give another one in the place of one that is full."""
        return Block(self._memory.lend())

    def give_back(self, block: Block) -> None:
        """An answer has come to its end, and nothing more is read into its block."""
        self._readers -= 1
        if block.left >= ROOM_BYTES_MIN:
            self._rest = block
        if not self._readers:
            self._memory.rest(_RESTING_MAX)
