"""The files a ledger consists of: the database, and beside it its log and its lock."""

import os
from collections.abc import Sequence
from pathlib import Path

from hilum.kernel.syncing import Synced


def wal_path(path: Path) -> Path:
    """Give where SQLite keeps the write-ahead log of the ledger at `path`."""
    return path.with_name(path.name + "-wal")


def shm_path(path: Path) -> Path:
    """Give where SQLite keeps the index of that log, shared by all processes."""
    return path.with_name(path.name + "-shm")


def lock_path(path: Path) -> Path:
    """Give the file whose lock is the right to write."""
    return path.with_name(path.name + ".lock")


def wal_bytes(path: Path) -> int:
    """Give the size of the write-ahead log of the ledger at `path`; 0 if it cannot be seen."""
    try:
        return wal_path(path).stat().st_size
    except OSError:
        return 0


def identity_of(path: Path) -> tuple[int, int] | None:
    """Give what tells this file from another one of the same name; None if none can be seen."""
    try:
        status = os.stat(path)  # noqa: PTH116 - half the time of Path.stat(), in every transaction
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(files: Sequence[int], folders: Sequence[int] = ()) -> Synced:
    """Sync open files and folders at once: where nobody can do it beside us."""
    try:
        for descriptor in (*files, *folders):
            os.fsync(descriptor)
    except OSError as error:
        return Synced(error)
    return Synced()
