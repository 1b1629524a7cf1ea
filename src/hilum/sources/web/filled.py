"""Bytes as they came from a socket: the beginning of memory that has more room."""

from dataclasses import dataclass


@dataclass(slots=True)
class Filled:
    """The first `size` bytes of `memory`, which stay as they are while anybody has a view of it."""

    memory: bytearray
    size: int

    def __len__(self) -> int:
        return self.size

    @property
    def view(self) -> memoryview:
        """Give the bytes."""
        return memoryview(self.memory)[: self.size]

    def __bytes__(self) -> bytes:
        return bytes(self.view)
