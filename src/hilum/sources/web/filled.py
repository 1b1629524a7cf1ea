"""Bytes as they came from a socket: the beginning of memory that has more room."""

from dataclasses import dataclass


@dataclass(slots=True)
class Filled:
    """The first bytes of `memory`; they stay as they are while this or another view exists."""

    memory: bytearray
    view: memoryview

    def __len__(self) -> int:
        return len(self.view)

    def __bytes__(self) -> bytes:
        return bytes(self.view)
