"""One payload while it arrives: its bytes lie in `incoming` under a name nobody looks at.

A small payload stays in memory until the group commit writes it in one go; a larger one is written
piece by piece. A draft is used by one thread at a time and never becomes visible by itself.
"""

from collections.abc import Sequence
from typing import Final

from hilum.vault.disk import Bytes, Disk
from hilum.vault.hashing import Digest
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
        "whole",
    )

    def __init__(self, disk: Disk, path: str, serial: str, head: bytes) -> None:
        self._disk = disk
        self._head = head
        self._descriptor = _NOT_OPEN
        self._is_on_disk = False
        self._digest = Digest()
        self._pending: Sequence[Bytes] = ()
        self.path = path
        self.serial = serial
        self.size = 0
        # The whole file, once it is complete, if it never left the memory; otherwise nothing.
        self.whole: Sequence[Bytes] = ()

    def write(self, pieces: Sequence[Bytes]) -> None:
        """Write a run of the data set to disk. Raises OSError."""
        size = self._take(pieces)
        if self._descriptor == _NOT_OPEN:
            self._create()
            pieces = [self._head, *pieces]
            size += len(self._head)
        self._disk.write(self._descriptor, pieces, size=size)

    def hold(self, pieces: Sequence[Bytes]) -> str:
        """Take the last run and give the digest of the whole data set.

        A payload that is all in one run is not written yet: it may turn out to be unwanted.
        Raises OSError.
        """
        if not self._is_on_disk:
            self._take(pieces)
            self._pending = pieces
        elif pieces:
            self.write(pieces)
        return self._digest.hexdigest()

    def front(self, size_max: int) -> bytes:
        """Give the first bytes of what was taken, for who must look into it. Raises OSError."""
        if not self._is_on_disk:
            return b"".join(self._pending)[:size_max]
        front = bytearray(min(size_max, self.size))
        self._disk.read_at(self._descriptor, memoryview(front), offset=len(self._head))
        return bytes(front)

    def complete(self, seal: Seal) -> None:
        """Write what is held and the seal, by which the file can be known again. Raises OSError."""
        encoded = encode(seal)
        if self._is_on_disk:
            seal_offset = len(self._head) - SEAL_BYTES
            self._disk.write_at(self._descriptor, encoded, offset=seal_offset)
            return
        self._create()
        head = self._head
        self.whole = [head[:-SEAL_BYTES], encoded, *self._pending]
        self._pending = ()
        self._disk.write(self._descriptor, self.whole, size=len(head) + seal.size)

    def flush(self) -> None:
        """Write what is held, unsealed: for quarantine. Raises OSError."""
        if not self._is_on_disk:
            self._create()
            pieces = [self._head, *self._pending]
            self._pending = ()
            self._disk.write(self._descriptor, pieces, size=sum(map(len, pieces)))

    @property
    def file_bytes(self) -> int:
        """How long the file is, all of it."""
        return len(self._head) + self.size

    @property
    def descriptor(self) -> int:
        """The open file, to be synced: until `close`, also when it has its name already."""
        return self._descriptor

    def close(self) -> None:
        """Give the descriptor back; the file stays."""
        if self._descriptor != _NOT_OPEN:
            descriptor, self._descriptor = self._descriptor, _NOT_OPEN
            self._disk.close(descriptor)

    def name(self, target: str) -> None:
        """Give the file its final name; from now on the draft has only its descriptor."""
        self._disk.rename(self.path, target)
        self._is_on_disk = False
        self.whole = ()

    def discard(self) -> None:
        """Drop the payload and everything written of it. Raises OSError."""
        self._pending = self.whole = ()
        self.close()
        if self._is_on_disk:
            self._is_on_disk = False
            self._disk.remove(self.path)

    def _take(self, pieces: Sequence[Bytes]) -> int:
        """Add to digest and size; give how much it is."""
        update = self._digest.update
        size = 0
        for piece in pieces:
            update(piece)
            size += len(piece)
        self.size += size
        return size

    def _create(self) -> None:
        self._descriptor = self._disk.create(self.path)
        self._is_on_disk = True
