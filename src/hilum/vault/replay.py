"""Replaying journals after a power cut: files whose bytes only the journal has are written again.

For a start, before any worker runs. A journal is removed when everything in it is durable.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path

from hilum.vault.disk import Disk
from hilum.vault.folders import Folders
from hilum.vault.journal import journals
from hilum.vault.journal_records import decode
from hilum.vault.layout import INCOMING, INSTANCES


@dataclass(slots=True)
class _Replaying:
    disk: Disk
    root: Path
    is_wanted: Callable[[str], bool]
    seen: list[Path] = field(default_factory=list)
    restored: int = 0


def replay(root: Path, disk: Disk, is_wanted: Callable[[str], bool]) -> int:
    """Write what journals have and the vault has not; give how many files that were.

    `is_wanted` tells whether a path is still to be there: what was removed or never answered is in
    the journals too.

    Raises:
        OSError: not all could be made durable; the journals are still there.
    """
    files = journals(root)
    if not files:
        return 0
    descriptor = disk.open_folder(root)
    try:
        replaying = _Replaying(disk, root, is_wanted)
        for file in files:
            _replay(file, replaying)
        _make_durable(descriptor, replaying)
    finally:
        disk.close(descriptor)
    for file in files:
        disk.remove(file)
    return replaying.restored


def _replay(file: Path, replaying: _Replaying) -> None:
    if file.stat().st_size == 0:
        return
    with (
        file.open("rb") as stream,
        mmap(stream.fileno(), 0, access=ACCESS_READ) as mapped,
        memoryview(mapped) as journal,
    ):
        for path, content in decode(journal):
            with content:
                if _is_ours(path) and replaying.is_wanted(path):
                    _restore(path, content, replaying)


def _is_ours(path: str) -> bool:
    return path.startswith(f"{INSTANCES}/") and ".." not in path.split("/")


def _restore(path: str, content: memoryview, replaying: _Replaying) -> None:
    disk, target = replaying.disk, replaying.root / path
    replaying.seen.append(target)
    if _has(target, content):
        return
    disk.make_directories(target.parent)
    # Under another name first: an end in the middle of this must not leave half a file.
    draft = replaying.root / INCOMING / target.name
    disk.make_directories(draft.parent)
    disk.remove(draft)
    descriptor = disk.create(draft)
    try:
        disk.write(descriptor, [content], size=len(content))
    finally:
        disk.close(descriptor)
    disk.rename(draft, target)
    replaying.restored += 1


def _has(target: Path, content: memoryview) -> bool:
    try:
        return target.stat().st_size == len(content) and target.read_bytes() == content
    except FileNotFoundError:
        return False


def _make_durable(root_descriptor: int, replaying: _Replaying) -> None:
    """Sync what was restored, and what was there: that may be in the page cache only."""
    disk = replaying.disk
    if disk.can_sync_all(root_descriptor):
        disk.sync_all(root_descriptor)
        return
    # The vault was moved to a file system that has no journals.
    for file in replaying.seen:
        descriptor, _ = disk.open(file)
        try:
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
    parents = {str(file.parent) for file in replaying.seen}
    for folder in Folders(disk, str(replaying.root)).to_sync(parents):
        disk.sync_directory(folder)
