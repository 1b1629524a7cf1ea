"""From what was typed to files: folders with all below them, globs, lists. Reads no file."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hilum.cli.sending.item import BadFile, Origin


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to look into. One that was `named` must be an instance; others need not."""

    path: str
    named: bool


def walk(paths: Iterable[str]) -> Iterator[Candidate | BadFile]:
    """Yield the files that `paths` mean, each once, in the order of the names."""
    seen: set[str] = set()
    for path in paths:
        for found in _expand(path):
            if isinstance(found, Candidate):
                key = os.path.abspath(found.path)  # noqa: PTH100 - called a million times
                if key in seen:
                    continue
                seen.add(key)
            yield found


def _expand(path: str) -> Iterator[Candidate | BadFile]:
    if os.path.isdir(path):  # noqa: PTH112 - `path` is as it was typed
        yield from _below(path)
    elif os.path.lexists(path):
        yield Candidate(path, named=True)
    elif glob.has_magic(path):
        yield from _matches(path)
    else:
        yield BadFile(Origin(path), "no such file or folder")


def _matches(pattern: str) -> Iterator[Candidate | BadFile]:
    nothing = True
    for path in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 - any root, as typed
        nothing = False
        if os.path.isdir(path):  # noqa: PTH112
            yield from _below(path)
        else:
            yield Candidate(path, named=True)
    if nothing:
        yield BadFile(Origin(pattern), "no file matches this pattern")


def _below(folder: str) -> Iterator[Candidate | BadFile]:
    """Walk a folder without recursion; a link back up is entered once only."""
    entered: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = os.stat(current)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield BadFile(Origin(current), f"folder cannot be read: {error.strerror}")
            continue
        # Files first, then the folders: the stack is taken from its end.
        yield from (Candidate(entry.path, named=False) for entry in listing if not _is_dir(entry))
        pending.extend(entry.path for entry in reversed(listing) if _is_dir(entry))


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
