"""Bytes that wait on disk for the end of a request: a file without a name, gone with us."""

from hilum.vault.disk import Bytes, Disk, StrPath


class Spool:
    """Grows at its end, is read anywhere. For one thread at a time.

    Every method but `close` raises OSError.
    """

    def __init__(self, disk: Disk, path: StrPath) -> None:
        self._disk = disk
        self._descriptor = disk.create(path)
        # From now on nobody can find it, and nothing is left of it when we die.
        disk.remove(path)
        self.size = 0

    def append(self, piece: Bytes) -> None:
        """Write behind what is there."""
        self._disk.write(self._descriptor, [piece], size=len(piece))
        self.size += len(piece)

    def read(self, position: int, length: int) -> bytes:
        """Read up to `length` bytes from a position on."""
        content = bytearray(length)
        count = self._disk.read_at(self._descriptor, content, offset=position)
        return bytes(content) if count == length else bytes(content[:count])

    def close(self) -> None:
        """Give the room back."""
        self._disk.close(self._descriptor)
