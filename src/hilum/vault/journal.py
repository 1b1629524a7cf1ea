"""The journal: small payloads of a group made durable by one sync, before their files are.

Each file is written under its own name as well, at once, but is left to the kernel; once in a while
the whole file system is synced and the journal begins again. So only a power cut leaves something
to do: `replay` then writes the files that are missing from what the journal has. Two segments take
turns; while one is being settled the other is written.

One committer uses it at a time. What does not fit, or fails, is for the committer to sync itself.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hilum.kernel.syncing import Syncing
from hilum.vault.disk import Bytes, Disk
from hilum.vault.journal_records import GENERATION_BYTES, Whole, encode, size_of
from hilum.vault.layout import JOURNAL

# Long enough that settling is rare, short enough that replaying takes a second.
SEGMENT_BYTES: Final = 32 * 1024 * 1024
# A segment grows by so much: to overwrite is cheaper to sync than to append.
_STEP_BYTES: Final = 1024 * 1024
_SEGMENTS: Final = 2
_END: Final = bytes(GENERATION_BYTES)


class _Segment:
    """A file of records. It is free when the files of all its records are durable."""

    __slots__ = ("descriptor", "end", "generation", "is_free", "length", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.length = 0
        self.begin()

    def begin(self) -> None:
        """Forget the records: those to come are of another generation."""
        self.generation = os.urandom(GENERATION_BYTES)
        self.end = 0
        self.is_free = True


class RecordsSyncing:
    """A sync of the journal that is under way."""

    __slots__ = ("_journal", "_syncing")

    def __init__(self, journal: "Journal", syncing: Syncing) -> None:
        self._journal = journal
        self._syncing = syncing

    @property
    def is_over(self) -> bool:
        """Tell whether `wait` would return at once."""
        return self._syncing.is_over

    def wait(self) -> OSError | None:
        """Wait for the end; None when all records survive a power cut. Safe to call again."""
        error = self._syncing.wait()
        if error is not None:
            self._journal.give_up(error)
        return error


class Journal:
    """Up to two segments of one process, below `root`; `name` begins with the process's number."""

    def __init__(self, disk: Disk, root: str, name: str) -> None:
        self._disk = disk
        self._root = root
        self._folder = f"{root}/{JOURNAL}"
        self._name = name
        self._root_descriptor = -1
        self._segments: list[_Segment] = []
        self._active: _Segment | None = None
        self._settling: threading.Thread | None = None
        self._fault: str | None = None
        self._is_told = False

    def open(self) -> None:
        """Make the folder, if this file system can have a journal. Raises OSError."""
        descriptor = self._disk.open_folder(self._root)
        if not self._disk.can_sync_all(descriptor):
            self._disk.close(descriptor)
            return
        self._root_descriptor = descriptor
        self._disk.make_directories(self._folder)
        self._disk.sync_directory(self._root)
        self._settle_orphans()

    def append(self, wholes: Sequence[Whole]) -> Syncing | None:
        """Write records and begin to sync them; None when they must be synced as files.

        The files must be written and named before the next call.
        """
        size = sum(map(size_of, wholes))
        try:
            segment = self._segment_for(size)
            if segment is None:
                return None
            pieces: list[Bytes] = []
            for whole in wholes:
                pieces += encode(segment.generation, whole)
            self._grow(segment, segment.end + size)
            segment.end = self._disk.write_all_at(segment.descriptor, pieces, offset=segment.end)
        except OSError as error:
            self.give_up(error)
            return None
        return RecordsSyncing(self, self._disk.begin_syncs([segment.descriptor]))

    def take_fault(self) -> str | None:
        """Say once why the journal is not used any more; None: nothing to say."""
        if self._fault is None or self._is_told:
            return None
        self._is_told = True
        return self._fault

    def close(self) -> None:
        """Settle everything and remove the segments; what cannot be settled stays for a replay."""
        if self._root_descriptor < 0:
            return
        if self._settling is not None:
            self._settling.join()
        self._settle([segment for segment in self._segments if not segment.is_free])
        for segment in self._segments:
            self._disk.close(segment.descriptor)
            if segment.is_free:
                self._disk.remove(segment.path)
        self._disk.close(self._root_descriptor)
        self._root_descriptor = -1

    def _settle_orphans(self) -> None:
        """Do away with the segments of processes that died while others went on."""
        orphans = [file for file in journals(Path(self._root)) if not _is_alive(file)]
        try:
            if orphans:
                self._disk.sync_all(self._root_descriptor)
            for file in orphans:
                self._disk.remove(file)
        except OSError:
            # They stay for a replay, which the next start does because they are there.
            return

    def _segment_for(self, size: int) -> _Segment | None:
        """Give the segment that has room; begin to settle one that has not."""
        if self._root_descriptor < 0 or self._fault is not None or size > SEGMENT_BYTES:
            return None
        active = self._active
        if active is not None and active.end + size > SEGMENT_BYTES:
            if self._settling is not None and self._settling.is_alive():
                return None
            self._settling = threading.Thread(
                target=self._settle, args=([active],), name="settling", daemon=True
            )
            self._settling.start()
            active = None
        if active is None:
            active = next((one for one in self._segments if one.is_free), None)
        if active is None and len(self._segments) < _SEGMENTS:
            active = self._new_segment()
        self._active = active
        if active is not None:
            active.is_free = False
        return active

    def _new_segment(self) -> _Segment:
        path = f"{self._folder}/{self._name}-{len(self._segments)}"
        segment = _Segment(path, self._disk.create(path))
        self._segments.append(segment)
        self._disk.sync_directory(self._folder)
        return segment

    def _grow(self, segment: _Segment, end: int) -> None:
        while segment.length < end:
            self._disk.write_at(segment.descriptor, bytes(_STEP_BYTES), offset=segment.length)
            segment.length += _STEP_BYTES

    def _settle(self, segments: Sequence[_Segment]) -> None:
        """Sync the file system; after that the segments are free. In a thread of its own."""
        try:
            if segments:
                self._disk.sync_all(self._root_descriptor)
            for segment in segments:
                self._disk.write_at(segment.descriptor, _END, offset=0)
                segment.begin()
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: OSError) -> None:
        """Write no more records; those that are there stay until a start has replayed them."""
        self._fault = error.strerror or str(error)


def _is_alive(segment: Path) -> bool:
    """Tell whether the process that a segment is named after may still be there."""
    number = segment.name.partition("-")[0]
    return number.isdigit() and Path(f"/proc/{number}").exists()


def journals(root: Path) -> list[Path]:
    """Give the segments that lie in a vault: after an orderly end there are none."""
    folder = root / JOURNAL
    return sorted(folder.iterdir()) if folder.is_dir() else []
