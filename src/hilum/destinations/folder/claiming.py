"""Gives a finished file a name that nobody has. Blocks: for threads."""

import errno
import os
from pathlib import Path
from typing import Final

# What file systems without hard links say: FAT, some network shares.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def claim(unfinished: Path, target: Path) -> None:
    """Let `target` name the file too, if the name is free.

    Where there are no links, an empty file reserves the name before it is replaced.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made.
    """
    try:
        os.link(unfinished, target, follow_symlinks=False)
    except FileExistsError:
        if not _is_reserved(target):
            raise
        unfinished.rename(target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        target.touch(mode=0o640, exist_ok=False)
        unfinished.rename(target)


def _is_reserved(target: Path) -> bool:
    """Tell whether an empty file is all there is: a name that was reserved before a crash."""
    status = target.lstat()
    return target.is_file() and not target.is_symlink() and status.st_size == 0
