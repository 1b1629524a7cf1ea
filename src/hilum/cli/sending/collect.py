"""Finds what there is to send: walks, opens archives and DICOMDIRs, looks into every file."""

import itertools
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from hilum.cli.sending import archive
from hilum.cli.sending.dicomdir import Medium, referenced_files
from hilum.cli.sending.inspection import Directory, NotDicom, inspect
from hilum.cli.sending.item import BadFile, Finding, Origin, Skipped
from hilum.cli.sending.source import FileSource, MemberSource, open_file
from hilum.cli.sending.walk import Candidate, walk
from hilum.kernel.errors import CorruptPayload

# Looking into a file is mostly waiting for the disk, or for the network behind it.
THREADS: Final = 8
# Files given to a thread at once: to hand them over singly costs more than to look into them.
_BATCH: Final = 32
_BATCHES_AHEAD: Final = 2 * THREADS
# The directory of a full DVD has a few megabytes.
_DICOMDIR_BYTES_MAX: Final = 512 * 1024 * 1024

_MEDIUM_ERRORS: Final = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a method of packing that this Python was built without
)


class Collector:
    """Looks into files; with `takes_damaged` also takes those whose structure is broken."""

    def __init__(self, *, takes_damaged: bool = False) -> None:
        self._takes_damaged = takes_damaged

    def collect(self, paths: Iterable[str]) -> Iterator[Finding]:
        """Yield what every file that `paths` mean turned out to be, in the order of the walk."""
        candidates = walk(paths)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="collect") as pool:
            pending: deque[Future[list[Finding]]] = deque()
            while batch := list(itertools.islice(candidates, _BATCH)):
                pending.append(pool.submit(self._look_into_all, batch))
                if len(pending) > _BATCHES_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()

    def _look_into_all(self, batch: Iterable[Candidate | BadFile]) -> list[Finding]:
        return [finding for candidate in batch for finding in self._look_into(candidate)]

    def _look_into(self, candidate: Candidate | BadFile) -> Iterator[Finding]:
        if isinstance(candidate, BadFile):
            yield candidate
            return
        try:
            with open_file(candidate.path) as source:
                yield from self._look_into_file(candidate, source)
        except _MEDIUM_ERRORS as error:
            yield BadFile(Origin(candidate.path), _unreadable(error))

    def _look_into_file(self, candidate: Candidate, source: FileSource) -> Iterator[Finding]:
        if source.read_at(0, 4) in archive.MAGIC and source.read_at(128, 4) != b"DICM":
            yield from self._look_into_archive(candidate.path, source.size)
            return
        found = inspect(source, takes_damaged=self._takes_damaged)
        match found:
            case NotDicom(reason) if candidate.named:
                yield BadFile(source.origin, reason)
            case NotDicom(reason):
                yield Skipped(source.origin, reason)
            case Directory() if candidate.named:
                yield from self._look_into_directory(source, found)
            case Directory():
                yield Skipped(source.origin, "DICOMDIR")
            case _:
                yield found

    def _look_into_archive(self, path: str, size: int) -> Iterator[Finding]:
        with zipfile.ZipFile(path) as opened:
            for info in archive.members(opened, path=path, size=size):
                if isinstance(info, BadFile):
                    yield info
                else:
                    yield self._look_into_member(path, opened, info)

    def _look_into_member(
        self, path: str, opened: zipfile.ZipFile, info: zipfile.ZipInfo
    ) -> Finding:
        origin = Origin(path, info.filename)
        try:
            with MemberSource(path, info, opened) as source:
                found = inspect(source, takes_damaged=self._takes_damaged)
        except _MEDIUM_ERRORS as error:
            return BadFile(origin, _unreadable(error))
        match found:
            case NotDicom(reason):
                return Skipped(origin, reason)
            case Directory():
                return Skipped(origin, "DICOMDIR")
            case _:
                return found

    def _look_into_directory(self, source: FileSource, directory: Directory) -> Iterator[Finding]:
        """Look into the files that a DICOMDIR names, which may be missing."""
        if source.size > _DICOMDIR_BYTES_MAX or not directory.syntax.little_endian:
            yield BadFile(source.origin, "a DICOMDIR is little endian and smaller (PS3.10)")
            return
        folder = Path(source.origin.path).parent
        medium = Medium(folder)
        data_set = source.read_at(directory.offset, source.size)
        try:
            for components in referenced_files(data_set, explicit=directory.syntax.explicit):
                path = medium.find(components)
                if path is None:
                    named = Origin(str(folder.joinpath(*components)))
                    yield BadFile(named, "missing; the DICOMDIR names it")
                else:
                    yield from self._look_into(Candidate(str(path), named=True))
        except CorruptPayload as error:
            yield BadFile(source.origin, str(error))


def _unreadable(error: Exception) -> str:
    """Say why a medium failed, without the path that OSError repeats."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read: {words}"
