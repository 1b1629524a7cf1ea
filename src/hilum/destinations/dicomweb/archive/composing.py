"""An instance of a server that gives out no files: made of its metadata and its bulk data.

The last way there is. Bulk data waits on disk; what does not fit together is a fault, never kept.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Final
from urllib.parse import urljoin

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.accepting import REFUSED
from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.destinations.dicomweb.archive.reply import Reply
from hilum.destinations.dicomweb.archive.spool import SPOOL_BYTES_MAX, Spool
from hilum.destinations.http.web_address import redirected
from hilum.dicom import tags
from hilum.dicom.bulk import BulkReference
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import JSON_BYTES_MAX, BadJson, read_json
from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.choices import OCTETS
from hilum.dicomweb.composition import Bulks, Composed, NotComposable, Stretch, compose
from hilum.dicomweb.media_types import DICOM_JSON, media_type
from hilum.dicomweb.multipart_reader import MultipartReader, PartBegan, PartBytes, PartEnded
from hilum.dicomweb.spooled import SpooledPart
from hilum.kernel.errors import HilumError, RemoteProtocolError
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.landing import Incoming, Sink

_METADATA: Final = f"{DICOM_JSON}, application/json;q=0.9"
_BULK: Final = (
    f'multipart/related; type="{OCTETS}"; transfer-syntax=*',
    f'multipart/related; type="{OCTETS}"',
    "*/*",
)
_PIECE_BYTES: Final = 512 << 10
# Values of one instance that are fetched; a waveform or an overlay has a few.
_VALUES_MAX: Final = 1000


class Composing:
    """Makes instances of one server, one after the other for each request."""

    def __init__(self, asking: Asking, root: str) -> None:
        self._asking = asking
        self._root = root
        self._form = 0

    async def run(self, errand: Errand, sink: Sink) -> None:
        """Fetch and land the one instance of an errand. Raises AnswererFailed."""
        url = f"{self._root}{errand.path}/metadata"
        try:
            data_set = await self._data_set(url, errand)
            with closing(Spool()) as spool:
                parts = [
                    part for uri in _uris(data_set) for part in await self._value(url, uri, spool)
                ]
                composed = await asyncio.to_thread(compose, data_set, Bulks(parts, spool.read))
                _check_length(data_set, composed)
                await self._land(composed, spool, errand, sink)
        except (NotComposable, BadJson, RemoteProtocolError) as error:
            raise self._asking.failed(f"no instance comes of its metadata: {error}") from error
        except OSError as error:
            raise AnswererFailed(
                f"{self._asking.answerer}: no room for bulk data in the folder for temporary files",
                answerer=self._asking.answerer,
                ailment=Lost.BUSY,
            ) from error

    async def _data_set(self, url: str, errand: Errand) -> DataSet:
        async with self._asking.get(url, _METADATA, what="metadata", via=errand.via) as reply:
            content = await reply.whole(JSON_BYTES_MAX)
        found = await asyncio.to_thread(read_json, content)
        if len(found) != 1 or found[0].uid(tags.SOP_INSTANCE_UID) != errand.place.instance:
            raise NotComposable("it gave the metadata of something else")
        return found[0]

    async def _value(self, base: str, uri: str, spool: Spool) -> list[SpooledPart]:
        """Fetch what a BulkDataURI means: a value, or one part for each frame."""
        url = redirected(base, urljoin(base, uri))
        if url is None:
            raise NotComposable("a BulkDataURI leads to another server")
        refusal: AnswererFailed | None = None
        for number in range(self._form, len(_BULK)):
            try:
                async with self._asking.get(url, _BULK[number], what="bulk data") as reply:
                    self._form = number
                    return await _spooled(reply, uri, spool)
            except AnswererFailed as error:
                if ailing.code_of(error) not in REFUSED:
                    raise
                refusal = refusal or error
        assert refusal is not None  # noqa: S101 -- there are forms
        raise refusal

    async def _land(self, composed: Composed, spool: Spool, errand: Errand, sink: Sink) -> None:
        uid = composed.sop_instance_uid
        incoming = Incoming(
            composed.sop_class_uid, uid, composed.transfer_syntax_uid, self._asking.answerer[:16]
        )
        try:
            landing = await sink.land(incoming)
        except HilumError as error:
            errand.refused(uid, error)
            return
        is_kept = False
        try:
            for position, length, piece in _pieces(composed):
                content = piece or await asyncio.to_thread(spool.read, position, length)
                await landing.take(content)
            await landing.keep()
            is_kept = True
            errand.landed(uid)
        except HilumError as error:
            errand.refused(uid, error)
        finally:
            if not is_kept:
                await landing.drop()


def _uris(data_set: DataSet) -> list[str]:
    """Give each BulkDataURI once, those of items among them."""
    found = dict.fromkeys(_references(data_set))
    if len(found) > _VALUES_MAX:
        raise NotComposable(f"it has more than {_VALUES_MAX} values elsewhere")
    return list(found)


def _references(data_set: DataSet) -> Iterator[str]:
    for _, value in data_set.elements.values():
        if isinstance(value, BulkReference):
            yield value.uri
        elif isinstance(value, list):
            for item in value:
                yield from _references(item)


async def _spooled(reply: Reply, uri: str, spool: Spool) -> list[SpooledPart]:
    """Write an answer into the spool, part by part. Raises RemoteProtocolError, OSError."""
    kind = media_type(reply.media_type or OCTETS)
    if not kind.essence.startswith("multipart/"):
        start = spool.size
        async for piece in reply.pieces():
            await _append(spool, piece)
        return [SpooledPart(kind, uri, start, spool.size - start)]
    reader = MultipartReader(boundary_of(kind))
    parts: list[SpooledPart] = []
    part_kind, start = kind, spool.size
    async for piece in reply.pieces():
        for event in reader.feed(piece):
            match event:
                case PartBegan(headers):
                    said = headers.get("content-type", "")
                    part_kind = media_type(said or kind.parameter("type") or OCTETS)
                    start = spool.size
                case PartBytes(content):
                    await _append(spool, bytes(content))
                case PartEnded():
                    parts.append(SpooledPart(part_kind, uri, start, spool.size - start))
    reader.finish()
    return parts


async def _append(spool: Spool, piece: bytes) -> None:
    if spool.size + len(piece) > SPOOL_BYTES_MAX:
        raise RemoteProtocolError(f"its bulk data has more than {SPOOL_BYTES_MAX} bytes")
    await asyncio.to_thread(spool.append, piece)


def _pieces(composed: Composed) -> Iterator[tuple[int, int, bytes]]:
    """Give what is to be landed: bytes, or where they lie in the spool."""
    for piece in composed.pieces:
        if isinstance(piece, Stretch):
            for at in range(0, piece.length, _PIECE_BYTES):
                yield piece.position + at, min(_PIECE_BYTES, piece.length - at), b""
        else:
            yield 0, 0, piece


def _check_length(data_set: DataSet, composed: Composed) -> None:
    """Refuse pixels that are too few: nothing else says that bulk data was cut."""
    frame = _frame_bytes(data_set)
    spooled = sum(piece.length for piece in composed.pieces if isinstance(piece, Stretch))
    is_plain = composed.transfer_syntax_uid == "1.2.840.10008.1.2.1"
    is_elsewhere = isinstance(data_set.elements.get(tags.PIXEL_DATA, ("", b""))[1], BulkReference)
    if is_plain and is_elsewhere and spooled < frame:
        raise NotComposable("there are fewer pixels than its metadata says")


def _frame_bytes(data_set: DataSet) -> int:
    """Give the size of all frames as they are uncompressed, rounded down."""
    numbers = [data_set.integer(tag) or 0 for tag in (tags.ROWS, tags.COLUMNS, tags.BITS_ALLOCATED)]
    samples = data_set.integer(0x00280002) or 1
    frames = data_set.integer(tags.NUMBER_OF_FRAMES) or 1
    if "422" in data_set.text(0x00280004):
        samples = 2  # two of three samples are stored (PS3.3 §C.7.6.3.1.2)
    return numbers[0] * numbers[1] * numbers[2] * samples * frames // 8
