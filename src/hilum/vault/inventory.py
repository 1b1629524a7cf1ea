"""What lies in a vault: finds payload files and leftovers, for recovery and for rebuilding."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hilum.vault.layout import INCOMING, INSTANCES, QUARANTINE, SUFFIX


@dataclass(frozen=True, slots=True)
class Lying:
    """A payload file as the file system sees it."""

    path: str
    size: int
    modified: int


def payload_files(root: Path, *, since: date | None = None) -> Iterator[Lying]:
    """Give every payload file, or those in the folders of days from `since` on, oldest first."""
    for day, folder in _days(root / INSTANCES):
        if since is None or day is None or day >= since:
            yield from sorted(_files(folder, root), key=lambda lying: lying.modified)


def drop_drafts(root: Path) -> int:
    """Remove what was being written when a process ended; give how many files that were.

    Nothing there was ever answered with success. Only for a start before any worker runs.
    """
    incoming = root / INCOMING
    if not incoming.is_dir():
        return 0
    dropped = sum(len(files) for _, _, files in os.walk(incoming))
    for folder in incoming.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink()
    return dropped


def drop_drafts_of(root: Path, pid: int) -> None:
    """Remove what the process `pid` was writing when it died; the others go on."""
    for folder in (root / INCOMING).glob(f"{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def set_aside(root: Path, relative: str) -> str:
    """Move a damaged payload file into quarantine; give its new path there."""
    target = root / QUARANTINE / Path(relative).name
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{Path(relative).stem}-{number}{SUFFIX}")
    (root / relative).rename(target)
    return str(target.relative_to(root))


def _days(instances: Path) -> Iterator[tuple[date | None, Path]]:
    """Give the day folders; a folder that is not a date is looked into as well."""
    if not instances.is_dir():
        return
    for year in sorted(instances.iterdir()):
        for month in sorted(year.iterdir()) if year.is_dir() else ():
            for day in sorted(month.iterdir()) if month.is_dir() else ():
                yield _date_of(day), day


def _date_of(folder: Path) -> date | None:
    try:
        return date(int(folder.parent.parent.name), int(folder.parent.name), int(folder.name))
    except ValueError:
        return None


def _files(folder: Path, root: Path) -> Iterator[Lying]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), root)
        elif entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
            facts = entry.stat()
            path = os.path.relpath(entry.path, root)
            yield Lying(path, facts.st_size, facts.st_mtime_ns)
