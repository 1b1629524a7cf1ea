"""Which files of a watched folder are finished: unchanged from one look to a later one."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Deeper trees are loops of bind mounts or mistakes.
DEPTH_MAX: Final = 16
# What one look remembers; a folder with more files is worked through look by look.
FILES_PER_LOOK_MAX: Final = 10_000
_UNFINISHED: Final = (".part", ".tmp", ".filepart")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when somebody still writes."""

    size: int
    modified_nanoseconds: int
    inode: int

    @classmethod
    def of(cls, facts: os.stat_result) -> "Stamp":
        """Give the stamp of a file."""
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ino)


@dataclass(frozen=True, slots=True)
class Finished:
    """A file nobody has written to for long enough."""

    path: Path
    stamp: Stamp


class Lookout:
    """Remembers how files looked. Not for two threads at once."""

    def __init__(self, root: Path, settle_seconds: float) -> None:
        self._root = root
        self._settle_seconds = settle_seconds
        self._seen: dict[Path, tuple[Stamp, float]] = {}

    def look(self, now: float) -> list[Finished]:
        """Give the finished files; `now` is monotonic. Raises OSError."""
        seen: dict[Path, tuple[Stamp, float]] = {}
        finished = []
        for path, stamp in _files(self._root):
            before = self._seen.get(path)
            since = before[1] if before is not None and before[0] == stamp else now
            seen[path] = stamp, since
            if now - since >= self._settle_seconds:
                finished.append(Finished(path, stamp))
            if len(seen) >= FILES_PER_LOOK_MAX:
                break
        self._seen = seen
        return finished


def _files(root: Path) -> Iterator[tuple[Path, Stamp]]:
    folders = [(root, 0)]
    while folders:
        folder, depth = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEPTH_MAX:
                        folders.append((Path(entry.path), depth + 1))
                elif _may_be_taken(entry):
                    yield Path(entry.path), Stamp.of(entry.stat(follow_symlinks=False))


def _may_be_taken(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.name.lower().endswith(_UNFINISHED)
