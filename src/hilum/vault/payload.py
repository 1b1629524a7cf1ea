"""An open payload file: the data set behind its file meta, given out as it was received.

Looks at the seal and at the length when it opens, so that a file that was never finished or was
cut is not given to anybody. It does not digest the bytes: whoever sends them reads them once.
"""

from typing import Final

from hilum.dicom.part10 import PREFIX
from hilum.kernel.errors import CorruptPayload
from hilum.vault.disk import Disk, StrPath
from hilum.vault.seal import SEAL_BYTES, SEAL_CREATOR_UID, decode

_NOT_OPEN: Final = -1
# Our file meta is shorter: a seal, six UIDs and two titles.
_HEAD_BYTES: Final = 2048
# How our files begin (PS3.10 §7.1): the prefix, and the header of (0002,0000) before its value.
_BEGINNING: Final = PREFIX + b"\x02\0\0\0UL\x04\0"
_PREFIX_AT: Final = 128
_LENGTH_AT: Final = 140
_GROUP_AT: Final = 144
# What stands in front of the seal: (0002,0100), which says whose it is, and the header of
# (0002,0102). A value of an odd length would be padded.
_BEFORE_SEAL: Final = b"".join(
    (
        SEAL_CREATOR_UID.encode("ascii") + bytes(len(SEAL_CREATOR_UID) & 1),
        b"\x02\0\x02\x01OB\0\0",
        SEAL_BYTES.to_bytes(4, "little"),
    )
)


class OpenPayload:
    """A payload, read from its first to its last byte or anywhere. `size`: of the data set."""

    __slots__ = ("_descriptor", "_disk", "_end", "_place", "_start", "size")

    def __init__(self, disk: Disk, descriptor: int, *, start: int, end: int) -> None:
        self._disk = disk
        self._descriptor = descriptor
        self._start = start
        self._place = start
        self._end = end
        self.size = end - start

    def read_into(self, buffer: memoryview) -> int:
        """Read the next bytes of the data set; 0 is its end, or an empty buffer.

        Raises:
            CorruptPayload: the file became shorter since it was opened.
            OSError: it cannot be read.
        """
        wanted = min(len(buffer), self._end - self._place)
        if wanted == 0:
            return 0
        got = self._disk.read_at(self._descriptor, buffer[:wanted], offset=self._place)
        if got == 0:
            raise CorruptPayload("the file ends before its payload does")
        self._place += got
        return got

    def read_at(self, buffer: memoryview, offset: int) -> int:
        """Read from an offset in the data set, wherever `read_into` is; 0 is behind its end.

        Several threads may do so at once. May read less than there is room for.

        Raises:
            CorruptPayload: the file became shorter since it was opened.
            OSError: it cannot be read.
        """
        start = self._start + offset
        wanted = min(len(buffer), self._end - start)
        if wanted <= 0:
            return 0
        got = self._disk.read_at(self._descriptor, buffer[:wanted], offset=start)
        if got == 0:
            raise CorruptPayload("the file ends before its payload does")
        return got

    def lies_at(self, offset: int, size: int) -> tuple[int, int]:
        """Give the descriptor and where in its file so much of the data set lies, until `close`.

        Raises:
            CorruptPayload: there is not so much.
        """
        if offset + size > self.size:
            raise CorruptPayload("the payload is shorter than what was to be read of it")
        return self._descriptor, self._start + offset

    def close(self) -> None:
        """Give the file back. Safe to call twice."""
        if self._descriptor != _NOT_OPEN:
            descriptor, self._descriptor = self._descriptor, _NOT_OPEN
            self._disk.close(descriptor)


def open_payload(disk: Disk, path: StrPath) -> OpenPayload:
    """Open the payload file at `path`; the caller closes it.

    Raises:
        CorruptPayload: no seal of ours, a blank one, or another length than was sealed.
        OSError: it cannot be opened or read.
    """
    descriptor, length = disk.open(path)
    try:
        start = _start_of(disk, descriptor, length)
    except BaseException:
        disk.close(descriptor)
        raise
    return OpenPayload(disk, descriptor, start=start, end=length)


def _start_of(disk: Disk, descriptor: int, length: int) -> int:
    head = bytearray(min(length, _HEAD_BYTES))
    disk.read_at(descriptor, head, offset=0)
    start, size = _sealed(head)
    if length != start + size:
        raise CorruptPayload(f"it has {length - start:,} bytes, {size:,} were sealed")
    return start


def _sealed(head: bytearray) -> tuple[int, int]:
    """Give where the data set starts and how long it is, from a file meta as we write it."""
    start = _GROUP_AT + int.from_bytes(head[_LENGTH_AT:_GROUP_AT], "little")
    seal_at = start - SEAL_BYTES
    if (
        head[_PREFIX_AT:_LENGTH_AT] != _BEGINNING
        or not head.endswith(_BEFORE_SEAL, _GROUP_AT, seal_at)
        or start > len(head)
    ):
        raise CorruptPayload("it has no seal of this gateway")
    seal = decode(bytes(head[seal_at:start]))
    if seal is None:
        raise CorruptPayload("its seal is blank: it was never finished")
    return start, seal.size
