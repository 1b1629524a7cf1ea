"""Keeps what comes in as Part 10 files: `folder/<study>/<series>/<instance>.dcm`.

A file is whole under its name or not there. Names are made of UIDs and of nothing else that a peer
says. What is there already with other bytes is left alone; the new file gets a number.
"""

import asyncio
import contextlib
import errno
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from hilum.destinations.folder.claiming import claim
from hilum.destinations.folder.comparing import same_bytes
from hilum.dicom.header import Header
from hilum.dicom.part10 import file_meta
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from hilum.kernel.errors import CorruptPayload, Full, HilumError, Misconfigured, NotAllowed
from hilum.kernel.names import is_uid
from hilum.pipeline.landing import Bytes, Incoming
from hilum.vault.disk import Disk, SystemDisk

_T = TypeVar("_T")

_UNFINISHED: Final = ".hilum-unfinished"
_WANTED: Final = frozenset(
    (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
)
# So much is written in one go; smaller instances cost one visit to a thread.
_WRITE_BYTES: Final = 1024 * 1024
_VERSIONS_MAX: Final = 100
_NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


@dataclass(slots=True)
class Kept:
    """What came, and what became of it."""

    instances: int = 0
    bytes_kept: int = 0
    bytes_seen: int = 0
    there_before: int = 0  # of the instances: the same bytes were there
    beside_others: int = 0  # of the instances: other bytes were there under the same UID
    refused: Counter[str] = field(default_factory=Counter)  # reasons


class Folder:
    """A sink (`pipeline.landing.Sink`) that makes files.

    `synced`: a file survives a power cut before its sender hears "success".
    """

    def __init__(self, root: Path, *, synced: bool, disk: Disk | None = None) -> None:
        self.root = root
        self.synced = synced
        self.disk = disk or SystemDisk()
        self.kept = Kept()
        self.broken = ""  # what keeps everything from being kept: a disk that is full or gone
        self.when_broken: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def ready(self) -> Iterator["Folder"]:
        """Make the folder; in the end nothing unfinished is left in it.

        Raises:
            Misconfigured: it cannot be written into.
        """
        unfinished = self.root / _UNFINISHED
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"cannot make files in {self.root}: {error.strerror}") from error
        try:
            yield self
        finally:
            with contextlib.suppress(OSError):  # somebody else receives into the same folder
                unfinished.rmdir()

    async def land(self, incoming: Incoming) -> "File":
        """Begin with an instance."""
        return File(self, incoming, self.root / _UNFINISHED / uuid.uuid4().hex)

    def refuse(self, reason: str) -> None:
        """Count what was not kept."""
        self.kept.refused[reason] += 1

    def fail(self, error: OSError) -> HilumError:
        """Count what could not be written, and say what that means for the rest."""
        reason = error.strerror or "it cannot be written"
        self.refuse(reason)
        if not self.broken:
            self.broken = f"{self.root}: {reason}"
            self.when_broken()
        return Full(reason) if error.errno in _NO_ROOM else HilumError(reason)


class File:
    """One instance on its way (`pipeline.landing.Landing`)."""

    def __init__(self, folder: Folder, incoming: Incoming, unfinished: Path) -> None:
        self._folder = folder
        self._incoming = incoming
        self._unfinished = unfinished
        self._reader = DataSetReader(transfer_syntax(incoming.transfer_syntax_uid), _WANTED)
        self._descriptor: int | None = None
        self._waiting: list[Bytes] = [
            file_meta(
                sop_class_uid=incoming.sop_class_uid,
                sop_instance_uid=incoming.sop_instance_uid,
                transfer_syntax_uid=incoming.transfer_syntax_uid,
            )
        ]
        self._waiting_bytes = len(self._waiting[0])
        self._bytes = 0

    async def take(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self._folder.kept.bytes_seen += len(piece)
        self._bytes += len(piece)
        try:
            self._reader.feed(piece)
        except CorruptPayload as error:
            self._folder.refuse(f"no data set: {error}")
            raise
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _WRITE_BYTES:
            await self._act(self._write)

    async def keep(self) -> None:
        """Make the file."""
        target = self._target(self._header())
        await self._act(lambda: self._finish(target))

    async def drop(self) -> None:
        """Take away what was written."""
        with contextlib.suppress(OSError):
            await _in_a_thread(self._clean)

    def _header(self) -> Header:
        try:
            return self._reader.finish()
        except CorruptPayload as error:
            self._folder.refuse(f"no data set: {error}")
            raise

    def _target(self, header: Header) -> Path:
        """Give the name; an instance that is not what was announced has none."""
        incoming = self._incoming
        uids = [header.uid(tag) for tag in (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)]
        if not all(is_uid(uid) for uid in uids):
            self._folder.refuse("it has no valid UIDs of study and series")
            raise NotAllowed("no valid UIDs of study and series")
        if header.uid(SOP_INSTANCE_UID) != incoming.sop_instance_uid:
            self._folder.refuse("its SOP Instance UID is not the one that was announced")
            raise NotAllowed("another SOP Instance UID than announced")
        study, series = uids
        return self._folder.root / study / series / f"{incoming.sop_instance_uid}.dcm"

    async def _act(self, act: Callable[[], _T]) -> _T:
        try:
            return await _in_a_thread(act)
        except OSError as error:
            raise self._folder.fail(error) from error

    # In a thread.

    def _write(self) -> None:
        if self._descriptor is None:
            self._descriptor = self._folder.disk.create(self._unfinished)
        waiting, self._waiting = self._waiting, []
        size, self._waiting_bytes = self._waiting_bytes, 0
        self._folder.disk.write(self._descriptor, waiting, size=size)

    def _finish(self, target: Path) -> None:
        self._write()
        if self._folder.synced and self._descriptor is not None:
            self._folder.disk.sync(self._descriptor)
        self._close()
        self._folder.disk.make_directories(target.parent)
        self._name(target)
        if self._folder.synced:
            for folder in (target.parent, target.parent.parent, self._folder.root):
                self._folder.disk.sync_directory(folder)
        self._folder.kept.instances += 1
        self._folder.kept.bytes_kept += self._bytes

    def _name(self, wanted: Path) -> None:
        kept = self._folder.kept
        for number in range(_VERSIONS_MAX):
            suffix = f"-{number + 1}" if number else ""
            target = wanted.with_name(f"{wanted.stem}{suffix}{wanted.suffix}")
            try:
                claim(self._unfinished, target)
            except FileExistsError:
                if same_bytes(self._unfinished, target):
                    kept.there_before += 1
                    break
            else:
                kept.beside_others += bool(number)
                break
        else:
            raise FileExistsError(errno.EEXIST, f"{_VERSIONS_MAX} files with other bytes are there")
        self._folder.disk.remove(self._unfinished)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._folder.disk.close(descriptor)

    def _clean(self) -> None:
        self._close()
        self._folder.disk.remove(self._unfinished)


async def _in_a_thread(act: Callable[[], _T]) -> _T:
    """Give what `act` gives; when this returns or raises, `act` has come to its end."""
    future = asyncio.get_running_loop().run_in_executor(None, act)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait({future})
        raise
