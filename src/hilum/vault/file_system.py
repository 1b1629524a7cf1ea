"""Syncing a whole file system at once, and knowing where that can be trusted.

Python has neither call, so the C library is asked.
"""

import ctypes
import os
import re
from typing import Final

# Since Linux 5.8 syncfs tells of pages that could not be written (man 2 syncfs).
_HONEST_SINCE: Final = (5, 8)
# File systems whose syncfs writes data, names and folders; a FUSE file system may do nothing.
_TRUSTED: Final = frozenset(
    {
        0xEF53,  # ext4, and ext3 and ext2 by the same driver
        0x58465342,  # xfs
        0x9123683E,  # btrfs
        0xF2F52010,  # f2fs
        0x01021994,  # tmpfs, which survives nothing whatever one does
    }
)
_STATFS_BYTES: Final = 256  # struct statfs has 120 on Linux; its first word is the type


def can_sync_all(descriptor: int) -> bool:
    """Tell whether `sync_all` means what it says for the file system of an open folder."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < _HONEST_SINCE:
        return False
    figures = ctypes.create_string_buffer(_STATFS_BYTES)
    if _library().fstatfs(descriptor, figures) != 0:
        return False
    return ctypes.c_long.from_buffer(figures).value & 0xFFFFFFFF in _TRUSTED


def sync_all(descriptor: int) -> None:
    """Make everything that was written to the file system of `descriptor` survive a power cut.

    Raises:
        OSError: something written since the descriptor was opened, or since the last call with it,
            may not survive.
    """
    if _library().syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
