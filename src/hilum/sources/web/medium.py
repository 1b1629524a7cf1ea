"""A study or series as a ZIP archive that makes a medium: `?dicomdir=true` (PS3.10 §8).

Unpacked on a disc it is a file-set: a DICOMDIR, and files with names of eight characters. Instances
are as they are stored.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import BadJson, read_some
from hilum.dicom.media.directory import FileUids, MediaDirectory
from hilum.dicom.media.record_types import KEY_NAMES
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.choices import ZIP
from hilum.dicomweb.entity_tag import weak
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.dicomweb.resource import Place
from hilum.dicomweb.zip_writer import ZipEntry, archive_length
from hilum.pipeline.archive.ports import Holding, Purpose
from hilum.sources.web.conditional import is_known, not_modified
from hilum.sources.web.exchange import Exchange, Reply
from hilum.sources.web.exporting import Folders, blocks_of, disposition
from hilum.sources.web.lists import close
from hilum.sources.web.replies import left_out, tag_of
from hilum.sources.web.shelf import Shelf

PARAMETER: Final = "dicomdir"
# Their directory is put together in memory, of 400 bytes each; a disc of 25 GB has fewer CT images.
INSTANCES_MAX: Final = 50_000
# Longer metadata takes more time than the event loop has.
_AT_ONCE_BYTES_MAX: Final = 64 << 10
_DIRECTORY: Final = "DICOMDIR"
_FILE_SET_ID: Final = "HILUM"
_ROOT: Final = "DICOM"
_WANTED: Final = KEY_NAMES | {f"{tags.SOP_INSTANCE_UID:08X}"}
_WORDS: Final[Mapping[str, bool]] = {"": False, "false": False, "true": True}


def is_medium(exchange: Exchange) -> bool:
    """Tell whether the archive is to be a medium.

    Raises:
        RequestRefused: 400, it is not said in a way that is known; 406, no archive is accepted.
    """
    given = [value for name, value in exchange.parameters() if name == PARAMETER]
    wanted = _WORDS.get(given[-1].lower() if given else "")
    if wanted is None:
        raise bad(f"{PARAMETER}: true or false")
    if wanted:
        exchange.accepted().choose([Choice(ZIP)])
    return wanted


async def medium_reply(exchange: Exchange, shelf: Shelf, place: Place) -> Reply:
    """Answer with the medium. What is elsewhere is fetched first, for its directory.

    Raises:
        RequestRefused: 404; 413, there are too many instances.
        CorruptPayload, OSError: none can be read.
    """
    holdings = await shelf.holdings(exchange, place, Purpose.EXPORT)
    if len(holdings) > INSTANCES_MAX:
        raise RequestRefused(
            413, f"it has {len(holdings)} instances; a medium has at most {INSTANCES_MAX}"
        )
    tag = weak(tag_of(holdings, f"{ZIP} {PARAMETER}"))
    if is_known(exchange, tag):
        return not_modified(tag)
    there = await shelf.readable(holdings)
    folders = Folders(MediumNames())
    entries = [folders.entry(one) for one in there]
    content = await _directory(exchange, shelf, there, entries)
    directory = _File(_DIRECTORY, content, max(one.received_at for one in there))
    length = archive_length([directory.entry, *entries])
    headers = {**disposition(place), "Content-Length": str(length)}
    missing = left_out(len(holdings) - len(there))
    status = 206 if missing or exchange.warnings else 200
    headers |= missing if status == 206 else {"ETag": tag}
    first = (directory.entry, directory.content)
    return Reply(status, ZIP, blocks_of(shelf, there, entries, first), headers)


class MediumNames:
    """Names files as media have them: `DICOM/ST000001/SE000001/IM000001` (PS3.10 §8.5)."""

    def name(self, study: int, series: int, number: int, uid: str) -> str:
        """Give the name of a file."""
        del uid
        return f"{_ROOT}/ST{study:06}/SE{series:06}/IM{number:06}"


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is made for the archive."""

    name: str
    content: bytes
    written_at: datetime

    @property
    def entry(self) -> ZipEntry:
        return ZipEntry(self.name, len(self.content), self.written_at)


async def _directory(
    exchange: Exchange, shelf: Shelf, holdings: Sequence[Holding], entries: Sequence[ZipEntry]
) -> bytes:
    """Write the directory of instances; one whose metadata cannot be had says little in it."""
    directory = MediaDirectory(_uid_of(holdings), file_set_id=_FILE_SET_ID)
    described = shelf.metadata(holdings, str(exchange.root))
    try:
        known = await _next(described)
        for number, (holding, entry) in enumerate(zip(holdings, entries, strict=True), start=1):
            instance = DataSet()
            if known.text(tags.SOP_INSTANCE_UID) == holding.sop_instance_uid:
                instance, known = known, await _next(described)
            file_id = entry.name.split("/")
            directory.add(instance, _uids_of(holding), file_id=file_id, number=number)
    finally:
        await close(described)
    return directory.written()


async def _next(described: AsyncIterator[bytes]) -> DataSet:
    """Read the next metadata; nothing at the end, or where it cannot be read."""
    content = await anext(described, b"")
    if not content:
        return DataSet()
    try:
        if len(content) < _AT_ONCE_BYTES_MAX:
            return read_some(content, _WANTED)
        return await asyncio.to_thread(read_some, content, _WANTED)
    except BadJson:
        return DataSet()


def _uids_of(holding: Holding) -> FileUids:
    return FileUids(
        study=holding.study_instance_uid,
        series=holding.series_instance_uid,
        sop_class=holding.sop_class_uid,
        sop_instance=holding.sop_instance_uid,
        syntax=holding.transfer_syntax_uid,
    )


def _uid_of(holdings: Sequence[Holding]) -> str:
    """Give the UID of a directory: the same for the same instances (PS3.5 §B.2)."""
    digest = hashlib.sha256(b"".join([one.digest for one in holdings])).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
