"""Payloads in memory, read as any is: what goes through, and what is written behind."""

from collections.abc import Sequence

from hilum.kernel.errors import CorruptPayload


class HeldReader:
    """What is held, read as any payload is (`pipeline.ports.PayloadReader`)."""

    __slots__ = ("_place", "pieces", "size")

    def __init__(self, pieces: Sequence[memoryview], size: int) -> None:
        self.pieces = pieces
        self.size = size
        self._place = 0

    def slices(self, offset: int, size: int) -> list[memoryview]:
        """Give a part as it lies; it stays so for as long as somebody has it."""
        found: list[memoryview] = []
        for piece in self.pieces:
            if not size:
                break
            part = piece[offset : offset + size]
            offset = max(offset - len(piece), 0)
            if part:
                found.append(part)
                size -= len(part)
        return found

    def next_piece(self, size_max: int) -> memoryview:
        """Give the next bytes as they lie, where `read_into` would read them; empty is the end."""
        at = self._place
        for piece in self.pieces:
            if at < len(piece):
                part = piece[at : at + size_max]
                self._place += len(part)
                return part
            at -= len(piece)
        return memoryview(b"")

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes; 0 is the end."""
        count = self.read_at(buffer, self._place)
        self._place += count
        return count

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from an offset, wherever `read_into` is; 0 is behind the end."""
        filled = 0
        for piece in self.pieces:
            if offset >= len(piece):
                offset -= len(piece)
                continue
            part = piece[offset : offset + len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            filled += len(part)
            offset = 0
            if filled == len(buffer):
                break
        return filled

    def lies_at(self, offset: int, size: int) -> None:
        """Say that no file has it."""
        if offset + size > self.size:
            raise CorruptPayload("the payload is shorter than what was to be read of it")

    def close(self) -> None:
        """Look at it no more."""
        self.pieces = ()
