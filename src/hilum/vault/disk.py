"""The disk as a port: everything the vault asks of a file system goes through here.

A simulator can replace it, and short writes and failed syncs are handled in one place.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from hilum.kernel.syncing import Bell, Synced, Syncing
from hilum.vault.file_system import can_sync_all, sync_all
from hilum.vault.kernel_syncs import KernelSyncs
from hilum.vault.writing_out import begin_writing_out

Bytes = bytes | bytearray | memoryview
# The hot path hands texts: making a Path costs more than opening the file.
StrPath = str | os.PathLike[str]

# writev takes at most IOV_MAX pieces (1,024 on Linux).
_PIECES_MAX: Final = 1024
# Two files are compared in pieces of this size, which stay in the processor's cache.
_COMPARED_BYTES: Final = 256 * 1024


class Disk(Protocol):
    """What the vault needs of a file system. Every method may raise OSError."""

    def create(self, path: StrPath) -> int:
        """Create a new file, never following or replacing what is there; give its descriptor."""
        ...

    def write(self, descriptor: int, pieces: Sequence[Bytes], *, size: int) -> None:
        """Append all pieces (`size` bytes in all); a short write is continued, never believed."""
        ...

    def write_at(self, descriptor: int, piece: Bytes, *, offset: int) -> None:
        """Overwrite at `offset`."""
        ...

    def write_all_at(self, descriptor: int, pieces: Sequence[Bytes], *, offset: int) -> int:
        """Overwrite with all pieces from `offset` on; give where they end."""
        ...

    def sync(self, descriptor: int) -> None:
        """Make the bytes of the file survive a power cut. After an error they must be rewritten."""
        ...

    def hasten(self, descriptor: int) -> None:
        """Have what was written begin its way to the device, so that a sync finds less to do.

        It promises nothing; but after an error bytes may be gone that no sync would miss any more.
        """
        ...

    def begin_syncs(self, files: Sequence[int], folders: Sequence[int] = ()) -> Syncing:
        """Begin to make files, and the names in folders, survive; raises nothing.

        The descriptors may be closed at once. After an error all must be written again.
        """
        ...

    def open_folder(self, path: StrPath) -> int:
        """Open a folder, to sync its names or its file system with; give its descriptor."""
        ...

    def can_sync_all(self, descriptor: int) -> bool:
        """Tell whether `sync_all` can be trusted there; False without raising when in doubt."""
        ...

    def sync_all(self, descriptor: int) -> None:
        """Make all that was written to that file system survive. An error tells of any of it."""
        ...

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        ...

    def open(self, path: StrPath) -> tuple[int, int]:
        """Open a file for reading, never following a link; give its descriptor and length."""
        ...

    def read_at(self, descriptor: int, buffer: bytearray | memoryview, *, offset: int) -> int:
        """Fill `buffer` from `offset` on; give how many bytes there were, 0 at the end."""
        ...

    def rename(self, source: StrPath, target: StrPath) -> None:
        """Give a file its final name; replaces what has that name."""
        ...

    def make_directories(self, path: StrPath) -> None:
        """Make a folder and its missing parents; one that is there already is fine."""
        ...

    def sync_directory(self, path: StrPath) -> None:
        """Make the names in a folder survive a power cut."""
        ...

    def remove(self, path: StrPath) -> None:
        """Remove a file; one that is gone already is fine."""
        ...

    def ends_alike(self, path: StrPath, other: StrPath, *, size: int) -> bool:
        """Tell whether the last `size` bytes of two files are there and the same."""
        ...

    def free_bytes(self, path: StrPath) -> tuple[int, int]:
        """Give what is free for us on the file system of `path`, and its whole size."""
        ...


class SystemDisk:
    """The real file system."""

    _syncs: KernelSyncs | None = None

    def sync_beside(self) -> Bell | None:
        """Have the kernel do the syncs that are begun; give what rings when one ends.

        None: it cannot, and `begin_syncs` returns when they are done. For one process: not to be
        called before a fork.
        """
        try:
            self._syncs = KernelSyncs()
        except OSError:
            return None
        return self._syncs.bell

    def begin_syncs(self, files: Sequence[int], folders: Sequence[int] = ()) -> Syncing:
        """Begin to make files, and the names in folders, survive."""
        if self._syncs is not None and (begun := self._syncs.begin(files, folders)) is not None:
            return begun
        try:
            for file in files:
                self.sync(file)
            for folder in folders:
                os.fsync(folder)
        except OSError as error:
            return Synced(error)
        return Synced()

    def hasten(self, descriptor: int) -> None:
        """Have what was written begin its way to the device, where the system can."""
        begin_writing_out(descriptor)

    def create(self, path: StrPath) -> int:
        """Create a new file, never following or replacing what is there."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, 0o640)

    def write(self, descriptor: int, pieces: Sequence[Bytes], *, size: int) -> None:
        """Append all pieces; a full disk may write short and say nothing, so counts are checked."""
        if len(pieces) <= _PIECES_MAX:
            written = os.writev(descriptor, pieces)
            if written == size:
                return
            pieces = list(_after(pieces, written))
        for piece in pieces:
            _write_all(descriptor, piece)

    def write_at(self, descriptor: int, piece: Bytes, *, offset: int) -> None:
        """Overwrite at `offset`."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written

    def write_all_at(self, descriptor: int, pieces: Sequence[Bytes], *, offset: int) -> int:
        """Overwrite with all pieces from `offset` on; give where they end."""
        for first in range(0, len(pieces), _PIECES_MAX):
            some = pieces[first : first + _PIECES_MAX]
            written = os.pwritev(descriptor, some, offset)
            offset += written
            for piece in _after(some, written):
                self.write_at(descriptor, piece, offset=offset)
                offset += len(piece)
        return offset

    def open_folder(self, path: StrPath) -> int:
        """Open a folder, to sync its names or its file system with."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def can_sync_all(self, descriptor: int) -> bool:
        """Tell whether `sync_all` can be trusted there."""
        return can_sync_all(descriptor)

    def sync_all(self, descriptor: int) -> None:
        """Make all that was written to that file system survive."""
        sync_all(descriptor)

    def sync(self, descriptor: int) -> None:
        """Make the bytes and the length survive; other metadata may follow later."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def open(self, path: StrPath) -> tuple[int, int]:
        """Open a file for reading, never following a link; give its descriptor and length."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return descriptor, os.lseek(descriptor, 0, os.SEEK_END)

    def read_at(self, descriptor: int, buffer: bytearray | memoryview, *, offset: int) -> int:
        """Fill `buffer` from `offset` on; give how many bytes there were, 0 at the end."""
        return os.preadv(descriptor, [buffer], offset)

    def rename(self, source: StrPath, target: StrPath) -> None:
        """Give a file its final name."""
        os.rename(source, target)  # noqa: PTH104 - see StrPath

    def make_directories(self, path: StrPath) -> None:
        """Make a folder and its missing parents; one that is there already is fine."""
        os.makedirs(path, mode=0o750, exist_ok=True)  # noqa: PTH103 - see StrPath

    def sync_directory(self, path: StrPath) -> None:
        """Make the names in a folder survive a power cut."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: StrPath) -> None:
        """Remove a file; one that is gone already is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - see StrPath

    def ends_alike(self, path: StrPath, other: StrPath, *, size: int) -> bool:
        """Tell whether the last `size` bytes of two files are there and the same."""
        with open(path, "rb") as one, open(other, "rb") as two:  # noqa: PTH123 - see StrPath
            for stream in (one, two):
                if os.fstat(stream.fileno()).st_size < size:
                    return False
                stream.seek(-size, os.SEEK_END)
            while piece := one.read(_COMPARED_BYTES):
                if piece != two.read(_COMPARED_BYTES):
                    return False
        return True

    def free_bytes(self, path: StrPath) -> tuple[int, int]:
        """Give what an unprivileged writer may still use, and the size of the file system."""
        figures = os.statvfs(path)
        return figures.f_bavail * figures.f_frsize, figures.f_blocks * figures.f_frsize


def _after(pieces: Sequence[Bytes], written: int) -> Iterator[Bytes]:
    for piece in pieces:
        length = len(piece)
        if written >= length:
            written -= length
            continue
        yield memoryview(piece)[written:]
        written = 0


def _write_all(descriptor: int, piece: Bytes) -> None:
    view = memoryview(piece)
    while view:
        # A full disk first writes short and only then says ENOSPC (seen on ext4 and tmpfs).
        view = view[os.write(descriptor, view) :]
