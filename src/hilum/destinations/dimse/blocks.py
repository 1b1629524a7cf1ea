"""Memory that an association is read into, block after block: a short one, then long ones.

What lies in a block stays as it is for as long as somebody has a view of it.
"""

from typing import Final

from hilum.kernel.spare_memory import SpareMemory

# Of the first, which is all that most associations need.
_FIRST_BYTES: Final = 112 * 1024
# Of those that follow: some images.
_BLOCK_BYTES: Final = 1 << 20
# So many of them are kept for use again, while somebody listens: as much as is on its way.
_SPARE_MAX: Final = 20
# Less room than this is not worth a read.
_ROOM_BYTES_MIN: Final = 16 * 1024


class Blocks:
    """The block that is read into, and the end of what was."""

    def __init__(self) -> None:
        self._memory = SpareMemory(_BLOCK_BYTES, spare_max=_SPARE_MAX)
        self._block = memoryview(b"")
        self._end = 0

    def room(self) -> memoryview:
        """Give where to read into next."""
        if len(self._block) - self._end < _ROOM_BYTES_MIN:
            is_first = not self._block
            self._block = memoryview(bytearray(_FIRST_BYTES) if is_first else self._memory.lend())
            self._end = 0
        return self._block[self._end :]

    def taken(self, size: int) -> memoryview:
        """Give what was read; it is never written over."""
        start = self._end
        self._end += size
        return self._block[start : self._end]

    def reuse(self) -> None:
        """Write over what was read since `leave`: nobody has kept any of it."""
        self._end = 0

    def leave(self) -> None:
        """Write over nothing that was read until now."""
        self._memory.rest(0)
        self._block = memoryview(b"")
        self._end = 0
