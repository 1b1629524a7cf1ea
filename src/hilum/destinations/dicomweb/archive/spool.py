"""Bulk data that waits on disk until all of an instance is there: a file that nobody else sees."""

import tempfile
from typing import Final

# As long as the longest value there can be.
SPOOL_BYTES_MAX: Final = 4 << 30


class Spool:
    """Grows at its end, is read anywhere; in the folder for temporary files. Raises OSError."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by whoever made this
        self.size = 0

    def append(self, piece: bytes) -> None:
        """Write behind what is there."""
        self._file.seek(self.size)
        self._file.write(piece)
        self.size += len(piece)

    def read(self, position: int, length: int) -> bytes:
        """Read up to `length` bytes from a position on."""
        self._file.seek(position)
        return self._file.read(length)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()
