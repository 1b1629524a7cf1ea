"""Writes one instance as a Part 10 file: complete under its name, or not there at all.

Blocks: for threads. What is being written lies in a hidden folder beside the others.
"""

import contextlib
import errno
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from hilum.destinations.folder.claiming import claim
from hilum.destinations.folder.comparing import same_bytes
from hilum.destinations.folder.failures import outcome_of
from hilum.destinations.folder.look import Look
from hilum.destinations.folder.template import Template
from hilum.dicom.part10 import file_meta
from hilum.kernel.errors import CorruptPayload, Full
from hilum.kernel.names import AETitle
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel, PayloadReader, Payloads
from hilum.pipeline.shortcomings import Spoiled, shortcoming
from hilum.vault.disk import Disk

UNFINISHED: Final = ".hilum-unfinished"
PIECE_BYTES: Final = 1024 * 1024
# Versions of one instance beside each other; more are a sender gone wrong.
_VERSIONS_MAX: Final = 100

OtherBytes = Literal["keep_both", "overwrite", "refuse"]


class Stopped(Exception):
    """Nobody waits for the end of this any more."""


@dataclass(frozen=True, slots=True)
class Style:
    """How files are named and written.

    Attributes:
        other_bytes: what to do when the name is taken by a file with other bytes.
        synced: whether a file survives a power cut before it counts as delivered.
    """

    template: Template
    source_ae_title: AETitle
    other_bytes: OtherBytes = "keep_both"
    synced: bool = True


class Writing:
    """Writes the files of one session, one at a time, through one buffer."""

    def __init__(
        self,
        root: Path,
        style: Style,
        payloads: Payloads,
        disk: Disk,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self.is_stopped = threading.Event()
        self._root = root
        self._style = style
        self._payloads = payloads
        self._disk = disk
        self._now = now
        self._buffer = memoryview(bytearray(0))

    def deliver(self, parcel: Parcel) -> Outcome:
        """Write the file of `parcel`. Raises Stopped."""
        try:
            return self._deliver(parcel)
        except Spoiled as error:
            return Refused(str(error))
        except Full as error:
            return Deferred(str(error), failing=Failing.BUSY)
        except OSError as error:
            return outcome_of(error, str(self._root))

    def _deliver(self, parcel: Parcel) -> Outcome:
        if not self._root.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        unfinished = self._root / UNFINISHED / uuid.uuid4().hex
        with contextlib.closing(_opened(self._payloads, parcel)) as reader:
            self._disk.make_directories(unfinished.parent)
            try:
                path = self._write(parcel, reader, unfinished)
                return self._name(unfinished, self._root / path)
            finally:
                with contextlib.suppress(OSError):
                    self._disk.remove(unfinished)

    def _write(self, parcel: Parcel, reader: PayloadReader, unfinished: Path) -> str:
        """Write everything and give the path the file should have."""
        head = file_meta(
            sop_class_uid=parcel.sop_class_uid,
            sop_instance_uid=parcel.sop_instance_uid,
            transfer_syntax_uid=parcel.transfer_syntax_uid,
            source_ae_title=self._style.source_ae_title,
        )
        look = Look(parcel, self._style.template)
        descriptor = self._disk.create(unfinished)
        try:
            self._disk.write(descriptor, [head], size=len(head))
            left = reader.size
            while left:
                piece = self._piece(reader, left)
                left -= len(piece)
                look.see(piece)
                self._disk.write(descriptor, [piece], size=len(piece))
            if self._style.synced:
                self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        return self._style.template.path(look.values(), self._now())

    def _piece(self, reader: PayloadReader, left: int) -> memoryview:
        if self.is_stopped.is_set():
            raise Stopped
        if not self._buffer:
            self._buffer = memoryview(bytearray(PIECE_BYTES))
        try:
            count = reader.read_into(self._buffer[: min(left, PIECE_BYTES)])
        except (OSError, CorruptPayload) as error:
            raise shortcoming(error) from error
        if not count:
            raise Spoiled(f"our payload ends {left} bytes before its end")
        return self._buffer[:count]

    def _name(self, unfinished: Path, wanted: Path) -> Outcome:
        """Give the file its name, or another one if that is taken by other bytes."""
        self._disk.make_directories(wanted.parent)
        for number in range(_VERSIONS_MAX):
            target = wanted if not number else _version(wanted, number)
            try:
                claim(unfinished, target)
            except FileExistsError:
                if same_bytes(unfinished, target):
                    return self._settled(target, "")
                if self._style.other_bytes == "refuse":
                    return Refused("the folder has another file of that name, with other bytes")
                if self._style.other_bytes == "overwrite":
                    self._disk.rename(unfinished, target)
                    return self._settled(target, "took the place of a file with other bytes")
            else:
                return self._settled(target, "kept beside other bytes" if number else "")
        return Refused(f"the folder has {_VERSIONS_MAX} files of that name, all with other bytes")

    def _settled(self, target: Path, remark: str) -> Delivered:
        if self._style.synced:
            folder = target.parent
            while folder != self._root:
                self._disk.sync_directory(folder)
                folder = folder.parent
            self._disk.sync_directory(folder)
        return Delivered(remark=remark)


def _opened(payloads: Payloads, parcel: Parcel) -> PayloadReader:
    try:
        return parcel.open(payloads)
    except (OSError, CorruptPayload) as error:
        raise shortcoming(error) from error


def _version(wanted: Path, number: int) -> Path:
    """Give the name of a further version: the number stands before the suffix."""
    return wanted.with_name(f"{wanted.stem}-{number + 1}{wanted.suffix}")
