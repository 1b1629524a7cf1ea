"""ZIP archives written forward only, their length known before they begin (APPNOTE 6.3.10).

Entries are stored, not compressed: pixels hardly shrink. Beyond 4 GiB or 65,535 entries it is
ZIP64. An entry has its checksum in front, which every unpacker reads as it comes, or behind, where
nobody would wait for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import Final

_LOCAL: Final = Struct("<IHHHHHIIIHH")
_CENTRAL: Final = Struct("<IHHHHHHIIIHHHHHII")
_DESCRIPTOR: Final = Struct("<IIII")
_DESCRIPTOR_64: Final = Struct("<IIQQ")
_END: Final = Struct("<IHHHHIIH")
_END_64: Final = Struct("<IQHHIIQQQQ")
_LOCATOR_64: Final = Struct("<IIQI")

_VERSION: Final = 20
_VERSION_64: Final = 45
_CHECKSUM_BEHIND: Final = 0x0008
_UTF_8: Final = 0x0800
_STORED: Final = 0
_FULL: Final = 0xFFFFFFFF  # in a field of 32 bits: see the ZIP64 field
_MANY: Final = 0xFFFF
_YEAR_MIN: Final = 1980
_YEAR_MAX: Final = 2107


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file in an archive."""

    name: str
    size: int
    written_at: datetime
    checksum_behind: bool = False

    @property
    def is_large(self) -> bool:
        """Tell whether its size has no room in 32 bits."""
        return self.size >= _FULL


class ZipWriter:
    """The framing of one archive: what stands before, between and behind the bytes of its files."""

    def __init__(self) -> None:
        self._central: list[bytes] = []
        self._at = 0

    def head(self, entry: ZipEntry, checksum: int) -> bytes:
        """Write what comes before a file; `checksum` is 0 when it comes behind."""
        sizes = _FULL if entry.is_large else entry.size
        extra = _wide(entry.size, entry.size) if entry.is_large else b""
        name = entry.name.encode()
        fields = (checksum, sizes, sizes, len(name), len(extra))
        head = _LOCAL.pack(0x04034B50, *_beginning(entry), *fields) + name + extra
        if not entry.checksum_behind:
            self._end_entry(entry, checksum, len(head) + entry.size)
        return head

    def descriptor(self, entry: ZipEntry, checksum: int) -> bytes:
        """Write what comes behind a file whose checksum does."""
        layout = _DESCRIPTOR_64 if entry.is_large else _DESCRIPTOR
        found = layout.pack(0x08074B50, checksum, entry.size, entry.size)
        self._end_entry(entry, checksum, _head_bytes(entry) + entry.size + len(found))
        return found

    def ending(self) -> bytes:
        """Write what comes behind the last file."""
        directory = b"".join(self._central)
        return directory + _ending(len(self._central), len(directory), self._at)

    def _end_entry(self, entry: ZipEntry, checksum: int, size: int) -> None:
        self._central.append(_central(entry, checksum, self._at))
        self._at += size


def archive_length(entries: Iterable[ZipEntry]) -> int:
    """Tell how long an archive of these files is."""
    at = directory = number = 0
    for entry in entries:
        directory += len(_central(entry, 0, at))
        at += _head_bytes(entry) + entry.size
        if entry.checksum_behind:
            at += (_DESCRIPTOR_64 if entry.is_large else _DESCRIPTOR).size
        number += 1
    return at + directory + len(_ending(number, directory, at))


def _head_bytes(entry: ZipEntry) -> int:
    return _LOCAL.size + len(entry.name.encode()) + (20 if entry.is_large else 0)


def _beginning(entry: ZipEntry) -> tuple[int, int, int, int, int]:
    """Give what both headers of a file begin with: version, flags, method, time and date."""
    flags = _UTF_8 | (_CHECKSUM_BEHIND if entry.checksum_behind else 0)
    when = entry.written_at
    year = min(max(when.year, _YEAR_MIN), _YEAR_MAX) - _YEAR_MIN
    return (
        _VERSION_64 if entry.is_large else _VERSION,
        flags,
        _STORED,
        when.hour << 11 | when.minute << 5 | when.second >> 1,
        year << 9 | when.month << 5 | when.day,
    )


def _central(entry: ZipEntry, checksum: int, at: int) -> bytes:
    """Write a file's line in the directory."""
    sizes = (entry.size, entry.size) if entry.is_large else ()
    place = (at,) if at >= _FULL else ()
    extra = _wide(*sizes, *place) if sizes or place else b""
    size = _FULL if entry.is_large else entry.size
    name = entry.name.encode()
    lengths = (checksum, size, size, len(name), len(extra), 0, 0, 0, 0, min(at, _FULL))
    version = _VERSION_64 if extra else _VERSION
    _, *beginning = _beginning(entry)
    return _CENTRAL.pack(0x02014B50, version, version, *beginning, *lengths) + name + extra


def _wide(*numbers: int) -> bytes:
    """Write a ZIP64 field."""
    return Struct(f"<HH{len(numbers)}Q").pack(1, 8 * len(numbers), *numbers)


def _ending(number: int, directory: int, at: int) -> bytes:
    """Write the end of an archive, whose directory begins at `at`."""
    end = _END.pack(
        0x06054B50, 0, 0, min(number, _MANY), min(number, _MANY), min(directory, _FULL),
        min(at, _FULL), 0,
    )  # fmt: skip
    if number < _MANY and directory < _FULL and at < _FULL:
        return end
    wide = _END_64.pack(
        0x06064B50, 44, _VERSION_64, _VERSION_64, 0, 0, number, number, directory, at
    )
    return wide + _LOCATOR_64.pack(0x07064B50, 0, at + directory, 1) + end
