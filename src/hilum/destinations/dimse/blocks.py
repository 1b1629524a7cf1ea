"""Memory that an association is read into, block after block.

What lies in a block stays as it is for as long as somebody has a view of it.
"""

from typing import Final

# A long read costs as much as a short one. Beyond this the allocator asks the system for each
# block, and every page of it is fresh then (its threshold is 128 KiB).
_BLOCK_BYTES: Final = 112 * 1024
# Less room than this is not worth a read.
_ROOM_BYTES_MIN: Final = 16 * 1024


class Blocks:
    """The block that is read into, and the end of what was."""

    def __init__(self) -> None:
        self._block = memoryview(bytearray(_BLOCK_BYTES))
        self._end = 0

    def room(self) -> memoryview:
        """Give where to read into next."""
        if len(self._block) - self._end < _ROOM_BYTES_MIN:
            self._block = memoryview(bytearray(_BLOCK_BYTES))
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
        self._end = len(self._block)
