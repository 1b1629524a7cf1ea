"""The files a DICOMDIR names (PS3.3 §F.3): Referenced File ID (0004,1500) of records in use."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hilum.kernel.errors import CorruptPayload

MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"

_RECORD_IN_USE_FLAG: Final = 0x00041410
_REFERENCED_FILE_ID: Final = 0x00041500
_DELIMITERS: Final = frozenset({0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD})
_INACTIVE: Final = b"\x00\x00"  # PS3.3 §F.3.2.2: such a record is to be ignored
_LONG_VRS: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_UNDEFINED: Final = 0xFFFFFFFF
_DIRECTORY_RECORD_SEQUENCE: Final = 0x00041220
# The levels of a file ID (PS3.10 §8.5 says 8); more is no directory but an attack on our patience.
_COMPONENTS_MAX: Final = 16


def referenced_files(data_set: bytes, *, explicit: bool) -> Iterator[tuple[str, ...]]:
    """Give the components of every file ID, in order; `data_set` is little endian.

    The walk is flat: it steps into sequences and items as over a threshold, so that no nesting can
    exhaust it, and other values it skips.

    Raises:
        CorruptPayload: an element reaches beyond the end.
    """
    position = 0
    in_use = True
    while position + 8 <= len(data_set):
        tag, length, position = _element(data_set, position, explicit=explicit)
        if tag in _DELIMITERS or tag == _DIRECTORY_RECORD_SEQUENCE or length == _UNDEFINED:
            continue
        value = data_set[position : position + length]
        if len(value) != length:
            raise CorruptPayload(
                f"the DICOMDIR ends inside of ({tag >> 16:04X},{tag & 0xFFFF:04X})"
            )
        position += length
        if tag == _RECORD_IN_USE_FLAG:
            in_use = value != _INACTIVE
        elif tag == _REFERENCED_FILE_ID and in_use:
            yield _components(value)


class Medium:
    """The folder a DICOMDIR stands in, where its file IDs are looked up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, components: tuple[str, ...]) -> Path | None:
        """Find a referenced file; None when it is missing or the ID leads out of the folder.

        File IDs are upper case; mounted media show the names in lower case as well, or with the
        version that ISO 9660 adds (`IM1;1`).
        """
        if not 0 < len(components) <= _COMPONENTS_MAX:
            return None
        path = self._folder
        for component in components:
            name = self._name(path, component)
            if name is None:
                return None
            path /= name
        return path if path.is_file() else None

    def _name(self, folder: Path, component: str) -> str | None:
        if component in ("", ".", "..") or "/" in component or "\0" in component:
            return None
        if (folder / component).exists():
            return component
        if folder not in self._listings:
            self._listings[folder] = _listing(folder)
        return self._listings[folder].get(_plain(component))


def _element(data: bytes, position: int, *, explicit: bool) -> tuple[int, int, int]:
    """Read one element header: its tag, its length, where the value begins."""
    group, element = struct.unpack_from("<HH", data, position)
    tag = group << 16 | element
    vr = data[position + 4 : position + 6]
    if not explicit or tag in _DELIMITERS:
        return tag, _uint32(data, position + 4), position + 8
    if vr not in _LONG_VRS:
        return tag, int.from_bytes(data[position + 6 : position + 8], "little"), position + 8
    return tag, _uint32(data, position + 8), position + 12


def _uint32(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "little")


def _components(value: bytes) -> tuple[str, ...]:
    return tuple(part.strip(" \0") for part in value.decode("latin-1").split("\\"))


def _listing(folder: Path) -> dict[str, str]:
    """Map the plain form of every name in `folder` to the name."""
    try:
        return {_plain(entry.name): entry.name for entry in folder.iterdir()}
    except OSError:
        return {}


def _plain(name: str) -> str:
    return name.partition(";")[0].rstrip(".").casefold()
