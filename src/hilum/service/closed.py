"""What opens a file or folder that is closed to the user who runs this: it depends on why it is."""

import errno
import os
from pathlib import Path
from typing import Final

_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def remedy_of(path: Path, *, all_of: Path | None = None) -> str:
    """Say what to do about `path`, which is there: mount its file system, change owner or mode.

    `all_of`: the folder in which more is closed, most likely; None: it is only this.
    """
    user = os.geteuid()
    option, what = ("", path) if all_of is None else (" -R", all_of)
    try:
        facts, file_system = path.stat(), os.statvfs(path)
    except OSError:  # a folder above it is closed, too
        return f"Change its owner: chown{option} {user} '{what}'"
    if file_system.f_flag & os.ST_RDONLY:
        return (
            "Mount its file system for writing: it is read-only. If nobody mounted it so, read the "
            "system's log: Linux does that to a disk that fails"
        )
    if facts.st_uid != user:
        return f"Change its owner, who is uid {facts.st_uid}: chown{option} {user} '{what}'"
    mode = f"{facts.st_mode & 0o7777:04o}"
    return f"Change its mode, which is {mode}: chmod{option} u+rwX '{what}'"


def remedy_for(folder: Path, error: OSError) -> str:
    """Say what to do about `folder`, or the one it would be made in, which failed us so."""
    if error.errno not in _CLOSED:
        return "Look at that disk, or set another folder"
    existing = next((one for one in (folder, *folder.parents) if os.path.exists(one)), folder)  # noqa: PTH110 - that of pathlib raises where it may not look
    return f"{remedy_of(existing)}; or set another folder"
