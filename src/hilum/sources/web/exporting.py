"""Studies, series and instances as one ZIP archive of DICOM files, for people (PS3.18 §8.7.3).

Files are named by numbers and UIDs, never by what a payload says of a patient. There is no DICOMDIR
but in a `medium`.
"""

import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from hilum.dicomweb.choices import ZIP
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.resource import Place
from hilum.dicomweb.zip_writer import ZipEntry, ZipWriter, archive_length
from hilum.kernel.names import is_uid
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.archive.segments import BLOCK_BYTES, size_of
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.instance_parts import file_of
from hilum.sources.web.replies import left_out, tag_of
from hilum.sources.web.shelf import Shelf
from hilum.sources.web.supplied import Coming

# Longer files have their checksum behind them: reading them twice would keep the client waiting.
_CHECKSUM_FIRST_BYTES_MAX: Final = 64 << 20


async def zip_reply(
    exchange: Exchange, shelf: Shelf, place: Place, holdings: Sequence[Holding]
) -> Reply:
    """Answer with an archive of all instances that there are, as they are stored.

    Raises:
        CorruptPayload, OSError: none can be read.
    """
    tag = weak(tag_of(holdings, ZIP))
    if is_known(exchange, tag):
        return not_modified(tag)
    there = await shelf.readable(holdings)
    entries = entries_of(there)
    headers = disposition(place) | {"Content-Length": str(archive_length(entries))}
    missing = left_out(len(holdings) - len(there))
    status = 206 if missing or exchange.warnings else 200
    headers |= missing if status == 206 else {"ETag": tag}
    return Reply(status, ZIP, blocks_of(shelf, there, entries), headers)


def zip_as_they_come(exchange: Exchange, shelf: Shelf, place: Place, coming: Coming) -> Reply:
    """Answer with an archive of instances that are on their way, the first of them here.

    How long it gets is not known; if one does not come, it has no end.
    """
    status = 206 if exchange.warnings else 200
    return Reply(status, ZIP, _as_they_come(shelf, coming), disposition(place))


def disposition(place: Place) -> dict[str, str]:
    """Have it kept under a name of its own."""
    name = place.instance or place.series or place.study
    return {"Content-Disposition": f'attachment; filename="{name}.zip"'}


class Names(Protocol):
    """How files are named."""

    def name(self, study: int, series: int, number: int, uid: str) -> str:
        """Name a file by its numbers, which are from 1 on, and its SOP Instance UID."""
        ...


class PlainNames:
    """`ST000001/SE000001/<SOP Instance UID>.dcm`."""

    def name(self, study: int, series: int, number: int, uid: str) -> str:
        """Name a file."""
        # What arrived may have anything for a UID; a name has not.
        name = uid if is_uid(uid) else f"IM{number:06}"
        return f"ST{study:06}/SE{series:06}/{name}.dcm"


_PLAIN: Final = PlainNames()


class Folders:
    """Puts the files of an archive into folders."""

    def __init__(self, names: Names = _PLAIN) -> None:
        self._names = names
        self._studies: dict[str, int] = {}
        self._series: dict[tuple[str, str], int] = {}
        self._number = 0

    def entry(self, one: Holding) -> ZipEntry:
        """Give the next file."""
        self._number += 1
        study = self._studies.setdefault(one.study_instance_uid, len(self._studies) + 1)
        key = (one.study_instance_uid, one.series_instance_uid)
        series = self._series.setdefault(key, len(self._series) + 1)
        name = self._names.name(study, series, self._number, one.sop_instance_uid)
        size = size_of(file_of(one))
        behind = size > _CHECKSUM_FIRST_BYTES_MAX
        return ZipEntry(name, size, one.received_at, behind)


def entries_of(holdings: Sequence[Holding]) -> list[ZipEntry]:
    """Give the files of an archive."""
    folders = Folders()
    return [folders.entry(one) for one in holdings]


async def _as_they_come(shelf: Shelf, coming: Coming) -> AsyncGenerator[bytes]:
    writer, folders = ZipWriter(), Folders()
    async with aclosing(coming.each()) as holdings:
        async for holding in holdings:
            async with aclosing(_entry(shelf, holding, folders.entry(holding), writer)) as pieces:
                async for piece in pieces:
                    yield piece
    yield writer.ending()


async def blocks_of(
    shelf: Shelf,
    holdings: Sequence[Holding],
    entries: Sequence[ZipEntry],
    first: tuple[ZipEntry, bytes] | None = None,
) -> AsyncGenerator[bytes]:
    """Give an archive of instances; `first`: a file before them, and what is in it."""
    writer = ZipWriter()
    if first is not None:
        yield writer.head(first[0], zlib.crc32(first[1])) + first[1]
    for holding, entry in zip(holdings, entries, strict=True):
        async with aclosing(_entry(shelf, holding, entry, writer)) as pieces:
            async for piece in pieces:
                yield piece
    yield writer.ending()


async def _entry(
    shelf: Shelf, holding: Holding, entry: ZipEntry, writer: ZipWriter
) -> AsyncGenerator[bytes]:
    """Give a file with what is around it."""
    checksum, first = 0, None
    if not entry.checksum_behind:
        checksum, first = await _checksum(shelf, holding)
    yield writer.head(entry, checksum)
    if first is not None:
        yield first
        return
    async with aclosing(shelf.streamer.blocks(file_of(holding))) as blocks:
        async for block in blocks:
            if entry.checksum_behind:
                checksum = zlib.crc32(block, checksum)
            yield block
    if entry.checksum_behind:
        yield writer.descriptor(entry, checksum)


async def _checksum(shelf: Shelf, holding: Holding) -> tuple[int, bytes | None]:
    """Give the checksum of a file, and the file if it is a single block."""
    checksum = 0
    segments = file_of(holding)
    is_short = size_of(segments) <= BLOCK_BYTES
    async with aclosing(shelf.streamer.blocks(segments)) as blocks:
        async for block in blocks:
            checksum = zlib.crc32(block, checksum)
            if is_short:
                return checksum, block
    return checksum, None
