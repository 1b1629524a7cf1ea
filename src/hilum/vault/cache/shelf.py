"""The fetched payloads of one study, as its index says: read once, then only what was added.

All processes append to the index; each reads what the others wrote. Nothing in it is synced, and
it is believed only as far as the files are there (`CacheFiles.standing`).
"""

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hilum.vault.cache.places import INDEX
from hilum.vault.cache.record import Came, Record, Went, decode, encode


class Shelf:
    """One study of one answerer. Used by one thread at a time."""

    def __init__(self, root: str, place: str) -> None:
        self.place = place
        self.folder = f"{root}/{place}"
        self._index = f"{self.folder}/{INDEX}"
        self._identity: int | None = None
        self._read_bytes = 0
        self._by_name: dict[str, Came] = {}
        self._by_instance: dict[str, Came] = {}

    @property
    def payloads(self) -> Mapping[str, Came]:
        """Give what is here, by name."""
        return self._by_name

    @property
    def file_bytes(self) -> int:
        """Give how much is here."""
        return sum(one.file_bytes for one in self._by_name.values())

    def of(self, sop_instance_uid: str) -> Came | None:
        """Give what came last of an instance."""
        return self._by_instance.get(sop_instance_uid)

    def refresh(self) -> None:
        """Learn what was written since. Raises OSError."""
        try:
            facts = os.stat(self._index)  # noqa: PTH116 - paths are texts here
        except FileNotFoundError:
            self._clear(None)
            return
        if facts.st_ino != self._identity or facts.st_size < self._read_bytes:
            self._clear(facts.st_ino)
        if facts.st_size > self._read_bytes:
            self._read_on()

    def write(self, records: Iterable[Record]) -> None:
        """Add to the index, for every process. Raises OSError."""
        write_index(self.folder, records)

    def _read_on(self) -> None:
        with open(self._index, "rb") as stream:  # noqa: PTH123 - paths are texts here
            stream.seek(self._read_bytes)
            text = stream.read()
        # What has no end yet is being written, or was torn.
        whole = text.rfind(b"\n") + 1
        self._read_bytes += whole
        for line in text[:whole].split(b"\n"):
            if line and (record := decode(line)) is not None:
                self._take(record)

    def _take(self, record: Record) -> None:
        match record:
            case Came():
                came = _shared(record)
                self._by_name[came.name] = came
                self._by_instance[came.sop_instance_uid] = came
            case Went(name):
                went = self._by_name.pop(name, None)
                if went is not None and self._by_instance.get(went.sop_instance_uid) is went:
                    del self._by_instance[went.sop_instance_uid]

    def _clear(self, identity: int | None) -> None:
        self._identity = identity
        self._read_bytes = 0
        self._by_name.clear()
        self._by_instance.clear()


def write_index(folder: str, records: Iterable[Record]) -> None:
    """Add to the index in `folder`, in one go: lines of several processes do not mix.

    Raises OSError.
    """
    text = b"".join(map(encode, records))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(f"{folder}/{INDEX}", flags, 0o640)
    try:
        written = os.write(descriptor, text)
    finally:
        os.close(descriptor)
    if written < len(text):  # a full disk writes short before it says so
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _shared(came: Came) -> Came:
    """Have the texts that a series repeats in memory once."""
    return replace(
        came,
        sop_class_uid=sys.intern(came.sop_class_uid),
        series_instance_uid=sys.intern(came.series_instance_uid),
        transfer_syntax_uid=sys.intern(came.transfer_syntax_uid),
    )
