"""Files and archive members as something to look into: read from the front, step over the rest."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, Self

from hilum.cli.sending.item import Origin


class Source(Protocol):
    """Bytes at positions that only go forward."""

    origin: Origin
    size: int
    stamp: int
    # Whether stepping over bytes is cheaper than reading them.
    seeks: bool

    def read_at(self, position: int, count: int) -> bytes:
        """Give `count` bytes from `position` on, fewer only at the end.

        Raises:
            OSError, zipfile.BadZipFile, zlib.error, EOFError: the medium fails.
        """
        ...


class FileSource:
    """A file."""

    seeks = True

    def __init__(self, path: str, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self.origin = Origin(path)
        self.size = status.st_size
        self.stamp = status.st_mtime_ns
        self._descriptor = descriptor

    def read_at(self, position: int, count: int) -> bytes:
        """Give bytes of the file."""
        return os.pread(self._descriptor, count, position)


class MemberSource:
    """A member of a zip archive: a stream, where bytes stepped over must still be unpacked."""

    seeks = False

    def __init__(self, path: str, info: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
        self.origin = Origin(path, info.filename)
        self.size = info.file_size
        self.stamp = info.CRC
        self._stream = archive.open(info)
        self._position = 0

    def read_at(self, position: int, count: int) -> bytes:
        """Give bytes of the member."""
        while self._position < position:
            passed = self._stream.read(min(position - self._position, 1 << 16))
            if not passed:
                return b""
            self._position += len(passed)
        read = self._stream.read(count)
        self._position += len(read)
        return read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


@contextmanager
def open_file(path: str) -> Iterator[FileSource]:
    """Open a file to look into; raises OSError."""
    # Non-blocking: a named pipe without a writer would keep us for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield FileSource(path, descriptor)
    finally:
        os.close(descriptor)
