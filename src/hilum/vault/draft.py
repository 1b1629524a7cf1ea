"""One payload while it arrives: its bytes lie in `incoming` under a name nobody looks at.

A small payload stays in memory until the group commit writes it in one go; a larger one is written
piece by piece. A draft is used by one thread at a time and never becomes visible by itself.
"""

from collections.abc import Sequence
from typing import Final

from blake3 import blake3

from hilum.vault.disk import Bytes, Disk
from hilum.vault.seal import SEAL_BYTES, Seal, encode

_NOT_OPEN: Final = -1


class Draft:
    """A payload that is being written. `head` is its file meta, ending with a blank seal."""

    __slots__ = (
        "_descriptor",
        "_digest",
        "_disk",
        "_head",
        "_is_on_disk",
        "_pending",
        "path",
        "serial",
        "size",
    )

    def __init__(self, disk: Disk, path: str, serial: str, head: bytes) -> None:
        self._disk = disk
        self._head = head
        self._descriptor = _NOT_OPEN
        self._is_on_disk = False
        self._digest = blake3()
        self._pending: Sequence[Bytes] = ()
        self.path = path
        self.serial = serial
        self.size = 0

    def write(self, pieces: Sequence[Bytes]) -> None:
        """Write a run of the data set to disk. Raises OSError."""
        size = self._digest_of(pieces)
        if self._descriptor == _NOT_OPEN:
            self._create()
            pieces = [self._head, *pieces]
            size += len(self._head)
        self._disk.write(self._descriptor, pieces, size=size)

    def hold(self, pieces: Sequence[Bytes]) -> str:
        """Take the last run without writing it yet; give the digest of the whole data set."""
        self._digest_of(pieces)
        self._pending = pieces
        return self._digest.hexdigest()

    def complete(self, seal: Seal) -> None:
        """Write what is held and the seal, by which the file can be known again. Raises OSError."""
        sealed = self._head[:-SEAL_BYTES] + encode(seal)
        if self._descriptor == _NOT_OPEN:
            self._create()
            size = len(sealed) + seal.size
            self._disk.write(self._descriptor, [sealed, *self._pending], size=size)
        else:
            held = sum(map(len, self._pending))
            if held:
                self._disk.write(self._descriptor, self._pending, size=held)
            seal_offset = len(self._head) - SEAL_BYTES
            self._disk.write_at(self._descriptor, sealed[-SEAL_BYTES:], offset=seal_offset)
        self._pending = ()

    def flush(self) -> None:
        """Write what is held, unsealed: for quarantine. Raises OSError."""
        pending, self._pending = self._pending, ()
        if self._descriptor == _NOT_OPEN:
            self._create()
            pending = [self._head, *pending]
        self._disk.write(self._descriptor, pending, size=sum(map(len, pending)))

    def sync(self) -> None:
        """Make the bytes survive a power cut. Raises OSError: the draft must then be discarded."""
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back; the file stays."""
        if self._descriptor != _NOT_OPEN:
            descriptor, self._descriptor = self._descriptor, _NOT_OPEN
            self._disk.close(descriptor)

    def name(self, target: str) -> None:
        """Give the file its final name; from now on the draft has nothing to discard."""
        self.close()
        self._disk.rename(self.path, target)
        self._is_on_disk = False

    def discard(self) -> None:
        """Drop the payload and everything written of it. Raises OSError."""
        self._pending = ()
        self.close()
        if self._is_on_disk:
            self._is_on_disk = False
            self._disk.remove(self.path)

    def _create(self) -> None:
        self._descriptor = self._disk.create(self.path)
        self._is_on_disk = True

    def _digest_of(self, pieces: Sequence[Bytes]) -> int:
        size = 0
        for piece in pieces:
            self._digest.update(piece)
            size += len(piece)
        self.size += size
        return size
