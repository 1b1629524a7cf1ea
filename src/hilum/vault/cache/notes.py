"""Metadata of fetched payloads, kept beside them: a file for each series, that all add to.

A line is the name of the payload, a length, and so many bytes, which have no line's end. What was
torn has another length and is passed over.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from hilum.vault.cache.places import METADATA

# Series whose places of metadata are known to a process; of others they are read again.
_SERIES_MAX: Final = 128


class _Table:
    """Where in its file the metadata of each payload of a series is."""

    def __init__(self) -> None:
        self.identity = -1
        self.read_bytes = 0
        self.places: dict[bytes, tuple[int, int]] = {}

    def refresh(self, descriptor: int) -> None:
        facts = os.fstat(descriptor)
        if facts.st_ino != self.identity or facts.st_size < self.read_bytes:
            self.identity, self.read_bytes = facts.st_ino, 0
            self.places.clear()
        if facts.st_size > self.read_bytes:
            self._take(os.pread(descriptor, facts.st_size - self.read_bytes, self.read_bytes))

    def _take(self, text: bytes) -> None:
        whole = text.rfind(b"\n") + 1
        at = self.read_bytes
        for line in text[:whole].split(b"\n"):
            name, _, rest = line.partition(b" ")
            length, _, metadata = rest.partition(b" ")
            if length == b"%d" % len(metadata):
                self.places[name] = at + len(line) - len(metadata), len(metadata)
            at += len(line) + 1
        self.read_bytes += whole


class Notes:
    """The metadata that is kept. For several threads. Paths are those of payloads."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._tables: OrderedDict[str, _Table] = OrderedDict()
        self._reading = threading.Lock()

    def read(self, paths: Sequence[str]) -> list[bytes | None]:
        """Give what is kept of each; None: nothing."""
        found: dict[str, bytes | None] = {}
        with self._reading:
            for folder, some in by_folder(paths).items():
                with suppress(OSError):  # it is made again
                    found.update(self._read(folder, some))
        return [found.get(path) for path in paths]

    def keep(self, folder: str, lines: Iterable[tuple[str, bytes]]) -> None:
        """Keep metadata, by the names of payloads in one folder. Raises OSError."""
        text = b"".join([_line(name, metadata) for name, metadata in lines])
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(f"{self._root}/{folder}/{METADATA}", flags, 0o640)
        try:
            os.write(descriptor, text)  # what is written short is made again
        finally:
            os.close(descriptor)

    def _read(self, folder: str, paths: Sequence[str]) -> Iterable[tuple[str, bytes | None]]:
        path = f"{self._root}/{folder}/{METADATA}"
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            table = self._table(folder)
            table.refresh(descriptor)
            found = []
            for one in paths:
                place = table.places.get(one[len(folder) + 1 :].encode("ascii"))
                if place is not None:
                    found.append((one, _exactly(descriptor, *place)))
            return found
        finally:
            os.close(descriptor)

    def _table(self, folder: str) -> _Table:
        table = self._tables.setdefault(folder, _Table())
        self._tables.move_to_end(folder)
        if len(self._tables) > _SERIES_MAX:
            self._tables.popitem(last=False)
        return table


def by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """Put paths together by the folder they are in."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    return folders


def _line(name: str, metadata: bytes) -> bytes:
    return b"\n%s %d %s\n" % (name.encode("ascii"), len(metadata), metadata)


def _exactly(descriptor: int, offset: int, length: int) -> bytes | None:
    metadata = os.pread(descriptor, length, offset)
    return metadata if len(metadata) == length else None
