"""Bytes as they came from a socket: a part of memory that has more room."""

from dataclasses import dataclass


@dataclass(slots=True)
class Filled:
    """Bytes of `memory` from `start` on; they stay as they are while any view of it exists."""

    memory: bytearray
    view: memoryview
    start: int = 0

    def __len__(self) -> int:
        return len(self.view)

    def __bytes__(self) -> bytes:
        return bytes(self.view)

    def first(self, size: int) -> "Filled":
        """Give no more than so many of them."""
        return Filled(self.memory, self.view[:size], self.start)

    def behind(self, size: int) -> "Filled":
        """Give all but so many of them."""
        return Filled(self.memory, self.view[size:], self.start + size)
