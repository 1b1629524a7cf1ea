"""Zip archives as sources: their members one by one, streamed, never unpacked to disk or memory.

A zip from a stranger can promise petabytes. Members are read in bounded chunks, and those whose
promise is absurd are refused before the first byte.
"""

import zipfile
from collections.abc import Iterator
from typing import Final

from hilum.cli.sending.item import BadFile, Origin

MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")

# Deflate reaches 1032:1 at most. A blank image may reach hundreds; with gigabytes it is a bomb.
RATIO_MAX: Final = 500
RATIO_CHECKED_ABOVE_BYTES: Final = 64 * 2**20
# More members than any study export; the directory of one with more would fill our memory.
MEMBERS_MAX: Final = 2_000_000
_ENCRYPTED: Final = 0x1  # APPNOTE 4.4.4, bit 0
_READABLE: Final = frozenset(
    {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
)


def members(
    archive: zipfile.ZipFile, *, path: str, size: int
) -> Iterator[zipfile.ZipInfo | BadFile]:
    """Yield the members that can be read; `size` is that of the archive file.

    Members that overlap (one kernel of data quoted by thousands of entries) betray themselves by
    claiming more compressed bytes than the archive has.
    """
    infos = archive.infolist()
    if len(infos) > MEMBERS_MAX:
        yield BadFile(Origin(path), f"{len(infos)} members; at most {MEMBERS_MAX} are read")
        return
    if sum(info.compress_size for info in infos) > size:
        yield BadFile(Origin(path), "its members overlap, as in a zip bomb; it is not read")
        return
    for info in infos:
        if info.is_dir():
            continue
        objection = _objection(info)
        if objection is None:
            yield info
        else:
            yield BadFile(Origin(path, info.filename), objection)


def _objection(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & _ENCRYPTED:
        return "encrypted; unpack it with its password first"
    if info.compress_type not in _READABLE:
        return (
            f"packed by method {info.compress_type}, which cannot be read; repack it with deflate"
        )
    large = info.file_size > RATIO_CHECKED_ABOVE_BYTES
    if large and info.file_size > RATIO_MAX * max(info.compress_size, 1):
        return f"would unpack to {info.file_size} bytes from {info.compress_size}: a zip bomb"
    return None
