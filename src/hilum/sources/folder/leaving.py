"""What becomes of a file afterwards: removed, moved, or set aside with the reason. For threads."""

import os
import shutil
from pathlib import Path
from typing import Final

from hilum.sources.folder.looking import Finished, Stamp
from hilum.sources.folder.opening import Changed
from hilum.sources.folder.settings import FolderSourceSettings

REASON_SUFFIX: Final = ".reason.txt"


def leave(settings: FolderSourceSettings, finished: Finished) -> None:
    """Remove or move a file whose instance is durable.

    Raises:
        Changed: somebody wrote to it meanwhile: it stays and is taken again.
        OSError: it cannot be moved.
    """
    _check_unchanged(finished)
    if settings.done is None:
        finished.path.unlink()
    else:
        _move(finished.path, settings.path, settings.done)


def set_aside(settings: FolderSourceSettings, finished: Finished, reason: str) -> None:
    """Move a file that cannot be taken out of the way, and write down why.

    Raises:
        Changed, OSError: as leave().
    """
    _check_unchanged(finished)
    target = _move(finished.path, settings.path, settings.failed_folder)
    target.with_name(target.name + REASON_SUFFIX).write_text(f"{reason}\n", encoding="utf-8")


def _check_unchanged(finished: Finished) -> None:
    try:
        facts = os.lstat(finished.path)
    except FileNotFoundError as error:
        raise Changed from error
    if Stamp.of(facts) != finished.stamp:
        raise Changed


def _move(path: Path, root: Path, folder: Path) -> Path:
    """Move `path` to the same place below `folder`; never over what is there already."""
    wanted = folder / path.relative_to(root)
    wanted.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    target, number = wanted, 0
    while target.exists() or target.is_symlink():
        number += 1
        target = wanted.with_name(f"{wanted.name}.{number}")
    # A rename where that is possible, a copy to another file system where it is not.
    shutil.move(path, target)
    return target
