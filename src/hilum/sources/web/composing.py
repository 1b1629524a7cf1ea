"""Instances whose metadata and bulk data come in parts of their own: spooled, then put together.

All of a request must be there first, for metadata only names its bulk data. It waits on disk; in
memory there is the metadata of one request at a time.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.json_reader import JSON_BYTES_MAX, BadJson, read_json
from hilum.dicom.native_xml_reader import BadXml, read_xml
from hilum.dicom.opening import Opened
from hilum.dicomweb import reasons
from hilum.dicomweb.composition import Bulks, Composed, NotComposable, Stretch, compose
from hilum.dicomweb.media_types import DICOM_XML, MediaType
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.spooled import SpooledPart
from hilum.dicomweb.store_request import METADATA
from hilum.kernel.names import UID, is_uid
from hilum.sources.web.storing_outcome import RETRY_SECONDS, Failed
from hilum.sources.web.storing_parts import Parts

# What one request may put on disk for a while: its bulk data, as long as the longest value there
# can be, and its metadata.
SPOOL_BYTES_MAX: Final = 4 << 30
METADATA_BYTES_MAX: Final = JSON_BYTES_MAX  # of one part
_PIECE_BYTES: Final = 256 << 10
_XML: Final = frozenset((DICOM_XML, "application/xml"))


class Spool(Protocol):
    """Room on disk. Every method but `close` raises OSError."""

    size: int

    def append(self, piece: memoryview) -> None:
        """Write behind what is there."""
        ...

    def read(self, position: int, length: int) -> bytes:
        """Read from a position on."""
        ...

    def close(self) -> None:
        """Give the room back."""
        ...


class Composer:
    """Spools parts, then brings what they make. Closed by whoever made it."""

    def __init__(
        self,
        parts: Parts,
        make_spool: Callable[[], Spool],
        obstacle: Callable[[], str | None],
        turn: asyncio.Lock,
    ) -> None:
        self._parts = parts
        self._make_spool = make_spool
        self._obstacle = obstacle
        self._turn = turn
        self._spool: Spool | None = None
        self._kind = MediaType("")
        self._location = ""
        self._position = 0
        self._metadata: list[SpooledPart] = []
        self._bulks: list[SpooledPart] = []

    def begin(self, kind: MediaType, location: str) -> None:
        """A part that is no file begins. Raises OSError."""
        if self._spool is None:
            self._spool = self._make_spool()
        self._kind, self._location, self._position = kind, location, self._spool.size

    async def take(self, piece: memoryview) -> None:
        """Take its next bytes. Raises OSError.

        Raises:
            RequestRefused: 413 it is too long, 503 there is no room.
        """
        spool = self._spool
        assert spool is not None  # noqa: S101 - it has begun
        end = spool.size + len(piece)
        if end > SPOOL_BYTES_MAX:
            raise RequestRefused(
                413, f"bulk data of a request has more than {SPOOL_BYTES_MAX} bytes"
            )
        if self._is_metadata and end - self._position > METADATA_BYTES_MAX:
            raise RequestRefused(413, f"metadata has more than {METADATA_BYTES_MAX} bytes")
        if (obstacle := self._obstacle()) is not None:
            raise RequestRefused(503, obstacle, {"Retry-After": str(RETRY_SECONDS)})
        await asyncio.to_thread(spool.append, piece)

    def end(self) -> None:
        """The part is complete."""
        assert self._spool is not None  # noqa: S101 - it has begun
        length = self._spool.size - self._position
        part = SpooledPart(self._kind, self._location, self._position, length)
        (self._metadata if self._is_metadata else self._bulks).append(part)

    async def bring(self) -> None:
        """Bring all instances of the request: its body is complete. Raises OSError."""
        spool = self._spool
        if spool is None:
            return
        bulks = Bulks(self._bulks, spool.read)
        for part in self._metadata:
            async with self._turn:
                await self._bring_part(part, bulks, spool)

    def close(self) -> None:
        """Give the room back."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    @property
    def _is_metadata(self) -> bool:
        return self._kind.essence in METADATA

    async def _bring_part(self, part: SpooledPart, bulks: Bulks, spool: Spool) -> None:
        try:
            data_sets = await asyncio.to_thread(_read, part, spool)
        except (BadJson, BadXml):
            self._parts.fail(Failed(reasons.CANNOT_UNDERSTAND))
            return
        for data_set in data_sets:
            try:
                composed = await asyncio.to_thread(compose, data_set, bulks)
            except NotComposable as error:
                self._parts.fail(_failed(data_set, error.reason))
            else:
                await self._bring(composed, spool)

    async def _bring(self, composed: Composed, spool: Spool) -> None:
        parts = self._parts
        parts.begin_data_set(
            Opened(
                composed.sop_class_uid,
                composed.sop_instance_uid,
                composed.transfer_syntax_uid,
                (),
            )
        )
        for piece in composed.pieces:
            if isinstance(piece, Stretch):
                for at in range(0, piece.length, _PIECE_BYTES):
                    length = min(_PIECE_BYTES, piece.length - at)
                    content = await asyncio.to_thread(spool.read, piece.position + at, length)
                    parts.take(memoryview(content))
                    await parts.catch_up()
            else:
                parts.take(memoryview(piece))
                await parts.catch_up()
        parts.end()
        await parts.catch_up()


def _read(part: SpooledPart, spool: Spool) -> list[DataSet]:
    """Read metadata. Raises BadJson, BadXml, OSError."""
    content = spool.read(part.position, part.length)
    return [read_xml(content)] if part.kind.essence in _XML else read_json(content)


def _failed(data_set: DataSet, reason: int) -> Failed:
    sop_class, sop_instance = data_set.uid(tags.SOP_CLASS_UID), data_set.uid(tags.SOP_INSTANCE_UID)
    if not is_uid(sop_instance):
        return Failed(reason)
    return Failed(reason, sop_class if is_uid(sop_class) else UID(""), sop_instance)
