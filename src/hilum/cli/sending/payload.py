"""Reads data sets to send, in chunks: from files, and from members of zip archives."""

import contextlib
import os
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from hilum.cli.sending.item import Item
from hilum.kernel.errors import HilumError

# No instance is held in memory; this is what an association may hold of one.
CHUNK_BYTES: Final = 1024 * 1024
# Open archives: opening one reads its whole directory, so those in use are kept.
_ARCHIVES_MAX: Final = 8

# What zipfile and its decompressors raise over an archive that is damaged or odd.
_ARCHIVE_ERRORS: Final = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    KeyError,
    ValueError,
)


class Unreadable(HilumError):
    """The bytes cannot be had: the medium fails, or the file is not what it was."""


class Payloads:
    """Gives the bytes of items. Keeps archives open: close it, or use it as context manager."""

    def __init__(self, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._chunk_bytes = chunk_bytes
        self._archives: OrderedDict[str, zipfile.ZipFile] = OrderedDict()

    def chunks(self, item: Item) -> Iterator[bytes]:
        """Yield the data set of `item`, byte for byte, in pieces of at most a chunk.

        Raises:
            Unreadable: it cannot be read, or not all of it, or it changed since it was looked at.
        """
        if item.origin.member is None:
            return self._file(item)
        return self._member(item, item.origin.member)

    def close(self) -> None:
        """Close the archives."""
        while self._archives:
            self._archives.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _file(self, item: Item) -> Iterator[bytes]:
        try:
            descriptor = os.open(item.origin.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        try:
            status = os.fstat(descriptor)
            if (status.st_size, status.st_mtime_ns) != (item.offset + item.length, item.stamp):
                raise Unreadable("changed since it was looked at; send it again")
            position, end = item.offset, status.st_size
            while position < end:
                chunk = os.pread(descriptor, min(self._chunk_bytes, end - position), position)
                if not chunk:
                    raise Unreadable("became shorter while it was sent")
                position += len(chunk)
                yield chunk
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def _member(self, item: Item, member: str) -> Iterator[bytes]:
        try:
            with self._archive(item.origin.path).open(member) as stream:
                stream.read(item.offset)
                left = item.length
                while left:
                    # zipfile checks the member's CRC with the last bytes: before they are sent.
                    chunk = stream.read(min(self._chunk_bytes, left))
                    if not chunk:
                        raise Unreadable("is shorter than the archive says")
                    left -= len(chunk)
                    yield chunk
        except _ARCHIVE_ERRORS as error:
            raise Unreadable(f"cannot be unpacked: {error}") from error

    def _archive(self, path: str) -> zipfile.ZipFile:
        archive = self._archives.pop(path, None) or zipfile.ZipFile(path)
        self._archives[path] = archive
        if len(self._archives) > _ARCHIVES_MAX:
            # Members of it that are being read keep the file open; zipfile counts them.
            with contextlib.suppress(*_ARCHIVE_ERRORS):
                self._archives.popitem(last=False)[1].close()
        return archive
